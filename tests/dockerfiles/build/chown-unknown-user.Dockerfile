ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY --chown=ap a.txt /
