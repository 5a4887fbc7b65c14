ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:none-such
COPY a.txt /
