FROM localhost:5000/busybox:1 AS one
COPY a.txt /one
FROM localhost:5000/busybox:1
COPY --from=one /one /etc/motd /
