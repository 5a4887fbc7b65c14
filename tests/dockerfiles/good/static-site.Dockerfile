FROM public.ecr.aws/nginx/nginx:1.27@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
COPY --chmod=0644 <<EOF /etc/nginx/conf.d/default.conf
server {
  listen 80;
  root /usr/share/nginx/html;
  location / { try_files \$uri /index.html; }
}
EOF
COPY dist/ /usr/share/nginx/html/
