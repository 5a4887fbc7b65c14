ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
ADD archives/over.tar /
ADD archives/over.tar /opt/link/
