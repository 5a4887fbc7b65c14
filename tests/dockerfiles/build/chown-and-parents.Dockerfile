ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY --chown=1000:1000 a.txt /opt/there/new/deep/
COPY --chown=1000:1000 --chmod=711 dir /opt/there
