FROM scratch
COPY --from=localhost:5000/busybox:1 /etc/passwd /etc/group /etc/
COPY --chown=app:staff a.txt /a
