# platform: linux/arm64
ARG REGISTRY=localhost:5000
FROM --platform=$BUILDPLATFORM $REGISTRY/multi:1 AS tools
FROM --platform=linux/arm/v7 $REGISTRY/multi:1 AS other
FROM $REGISTRY/multi:1
COPY --from=tools /arch /tools-arch
COPY --from=other /arch /other-arch
