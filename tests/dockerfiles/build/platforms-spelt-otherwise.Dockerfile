# platform: linux/x86_64,linux/aarch64
FROM scratch
ARG TARGETPLATFORM
ENV P=$TARGETPLATFORM
COPY a.txt /
