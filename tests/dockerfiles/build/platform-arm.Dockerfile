# platform: linux/arm
FROM localhost:5000/multi:1
ARG TARGETPLATFORM
ENV P=$TARGETPLATFORM
COPY a.txt /
