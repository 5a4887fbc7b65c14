FROM scratch
COPY --from=localhost:5000/busybox:1 /opt/gone /
