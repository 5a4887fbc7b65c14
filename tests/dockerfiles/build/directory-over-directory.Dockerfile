ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY closed /opt/there
COPY dir /srv
