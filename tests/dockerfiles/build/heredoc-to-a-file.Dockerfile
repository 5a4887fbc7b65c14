FROM scratch
WORKDIR /app
COPY <<EOT conf
a=$HOME
EOT
COPY <<conf .
b
conf
ADD <<EOT /new/dir/file
c
EOT
