FROM localhost:5000/busybox:1
COPY --link --chown=app a.txt /
