ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY a.txt /etc
COPY b.txt /opt/opaque
COPY a.txt /opt/there/b.txt
