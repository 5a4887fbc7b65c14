ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:schema2
COPY --chown=app a.txt /opt/link/
COPY --from=localhost:5000/busybox:schema2 /etc /etc-of-it
