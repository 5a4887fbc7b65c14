ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY a.txt /tmp/a
COPY a.txt /opt/there/deeper/a
COPY a.txt /home/app/a
COPY empty /opt/there/deeper
