# target: 1
FROM scratch
COPY a.txt /
FROM scratch
COPY b.txt /
FROM scratch
COPY run.sh /
