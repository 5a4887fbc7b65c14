# platform: linux/arm/v7,linux/arm64,linux/riscv64
FROM scratch
ARG TARGETPLATFORM
COPY a.txt /$TARGETPLATFORM/
