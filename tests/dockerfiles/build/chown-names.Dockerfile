ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY --chown=app:staff a.txt /a
COPY --chown=app b.txt /b
COPY --chown=1234:staff b.txt /c
COPY --chown=app:77 dir /dir
COPY --chown=late:late a.txt /late
