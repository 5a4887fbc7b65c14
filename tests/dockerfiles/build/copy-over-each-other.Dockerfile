FROM scratch
COPY a.txt /x
COPY dir /x.d
COPY b.txt /x
COPY dir /y
COPY closed /y
COPY a.txt /y/one.txt
