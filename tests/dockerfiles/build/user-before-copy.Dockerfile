ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
USER app
COPY a.txt /home/app/
COPY dir /made/for/dir
USER 0
