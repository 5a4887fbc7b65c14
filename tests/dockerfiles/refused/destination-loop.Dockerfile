ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY a.txt /opt/loop/a.txt
