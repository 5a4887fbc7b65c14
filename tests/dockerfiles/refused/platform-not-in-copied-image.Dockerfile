ARG REGISTRY=localhost:5000
FROM --platform=linux/arm64 $REGISTRY/multi:1 AS a
FROM --platform=linux/ppc64le $REGISTRY/multi:1 AS b
FROM scratch
COPY --from=a /arch /a
COPY --from=b /arch /b
