FROM scratch
COPY dir/one.txt links/dir/sub /sub/
