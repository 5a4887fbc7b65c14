# build-arg: TAG=1
ARG REGISTRY=localhost:5000
ARG TAG=none
ARG IMAGE=$REGISTRY/busybox
FROM ${IMAGE}:${TAG}
ARG TAG
LABEL tag=$TAG image=$IMAGE
COPY a.txt /$TAG/
