# build-context: tools=docker-image://@REGISTRY@/busybox:1
FROM tools
COPY --from=tools /etc/passwd /passwd
COPY a.txt /
