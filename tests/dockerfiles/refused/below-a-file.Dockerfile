FROM scratch
COPY a.txt /x
COPY b.txt /x/y
