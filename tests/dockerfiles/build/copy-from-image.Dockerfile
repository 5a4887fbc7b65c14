FROM scratch
COPY --from=localhost:5000/busybox:1 /bin/busybox /bin/sh
COPY --from=localhost:5000/busybox:1 /etc/passwd /etc/group /etc/
COPY --from=localhost:5000/busybox:1 /opt/there /there
COPY --from=localhost:5000/busybox:1 /opt/link/inside /through
