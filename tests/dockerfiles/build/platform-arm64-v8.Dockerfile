# platform: linux/arm64/v8
FROM localhost:5000/multi:list
ARG TARGETPLATFORM
ENV P=$TARGETPLATFORM
COPY a.txt /
