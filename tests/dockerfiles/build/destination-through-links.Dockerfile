ARG REGISTRY=localhost:5000
FROM $REGISTRY/debian:1
COPY run.sh /bin/run
COPY dir /lib/dir
COPY a.txt /var/run/here/a.txt
COPY --link b.txt /usr/sbin/b
