ARG REGISTRY=localhost:5000
FROM $REGISTRY/settings:1
COPY a.txt /
