# build-context: alpine=docker-image://@REGISTRY@/busybox:1
FROM docker.io/library/alpine:latest
COPY --from=alpine /etc/motd /motd
