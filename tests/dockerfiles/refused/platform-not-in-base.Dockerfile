# platform: linux/s390x
ARG REGISTRY=localhost:5000
FROM $REGISTRY/multi:1
COPY a.txt /
