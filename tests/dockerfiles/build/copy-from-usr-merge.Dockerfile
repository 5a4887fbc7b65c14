ARG REGISTRY=localhost:5000
FROM $REGISTRY/debian:1 AS tools
FROM scratch
COPY --from=tools /bin/dash /bin/
COPY --from=tools /lib64 /lib64
COPY --from=tools /etc/os-release /etc/os-release
COPY --from=tools /usr/lib/os-release /os-release
