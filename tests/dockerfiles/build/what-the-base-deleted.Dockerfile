ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1 AS base
COPY a.txt /opt/gone/back
COPY b.txt /opt/opaque/old
FROM $REGISTRY/busybox:1
COPY --from=base /opt /copied
