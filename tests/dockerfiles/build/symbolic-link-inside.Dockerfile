FROM scratch
COPY links/dir/one.txt /through
