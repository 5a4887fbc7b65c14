ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY --link a.txt /opt/link/a.txt
