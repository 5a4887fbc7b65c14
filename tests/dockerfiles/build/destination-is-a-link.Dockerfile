ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY a.txt /opt/file-link
COPY a.txt /opt/link/
COPY b.txt /opt/absolute/b
COPY dir /opt/link
