ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
COPY passwd /etc/passwd
COPY --chown=fresh a.txt /a
COPY --chown=fresh:wheel a.txt /b
