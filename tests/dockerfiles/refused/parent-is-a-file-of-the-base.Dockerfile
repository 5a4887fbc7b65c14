ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY a.txt /etc/passwd/a.txt
