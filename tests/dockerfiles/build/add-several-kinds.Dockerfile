ARG URL=http://localhost:8000
FROM scratch
ARG URL
ADD $URL/file.txt archives/files.tar.gz dir a.txt <<EOT /all/
text
EOT
