ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
USER app
WORKDIR /made/by/app
COPY a.txt .
USER 1234:5678
WORKDIR /made/by/number
