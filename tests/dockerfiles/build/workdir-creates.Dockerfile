ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
WORKDIR /made/here
WORKDIR relative
WORKDIR /etc
WORKDIR /opt/link/under
