FROM scratch
COPY a.txt /dir/renamed.txt
COPY a.txt /dir/again
COPY b.txt /dir/renamed.txt
