ARG REGISTRY=localhost:5000
FROM $REGISTRY/debian:1
ADD archives/usr.tar /
