ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:none
COPY --chown=app a.txt /opt/link/
COPY --from=localhost:5000/busybox:none /opt /opt-of-it
