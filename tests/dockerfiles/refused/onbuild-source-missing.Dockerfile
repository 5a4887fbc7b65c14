# ignore: app.txt
ARG REGISTRY=localhost:5000
FROM $REGISTRY/onbuild:1
COPY b.txt .
