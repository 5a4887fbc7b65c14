# build-context: alpine=docker-image://@REGISTRY@/busybox:1
FROM alpine
COPY a.txt /
