ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY --link a.txt /linked/a.txt
COPY --link dir /linked/
COPY --link --chown=1000:1000 b.txt /opt/there/b.txt
