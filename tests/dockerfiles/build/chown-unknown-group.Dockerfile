ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY --chown=app:staf a.txt /
