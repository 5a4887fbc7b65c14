FROM scratch
COPY a.txt \
  no-such.txt /
