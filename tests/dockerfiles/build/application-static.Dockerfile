ARG REGISTRY=localhost:5000
FROM scratch AS dist
COPY --exclude=**/*.md dir /usr/share/html
FROM $REGISTRY/busybox:1
COPY --from=dist --link /usr/share/html /usr/share/html
COPY --chmod=0444 <<EOT /etc/httpd.conf
A:*
EOT
CMD ["busybox", "httpd", "-f", "-h", "/usr/share/html"]
