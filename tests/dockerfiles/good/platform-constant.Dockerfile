FROM --platform=linux/arm64/v8 alpine:3.20 AS arm64
FROM --platform=linux/amd64 alpine:3.20 AS other
FROM --platform=$TARGETPLATFORM alpine:3.20
