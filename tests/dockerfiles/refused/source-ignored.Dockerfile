# ignore: a.txt
FROM scratch
COPY a.txt b.txt /
