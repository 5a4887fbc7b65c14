# ignore: a.txt
# own-ignore: b.txt
FROM scratch
COPY *.txt /
