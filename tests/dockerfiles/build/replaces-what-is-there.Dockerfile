ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY a.txt /etc/motd
COPY links/rel /opt/there/file
COPY a.txt /opt/there/file
