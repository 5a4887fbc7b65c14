ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:zstd
COPY --chown=app a.txt /opt/link/
COPY --from=localhost:5000/busybox:zstd /opt /opt-of-it
