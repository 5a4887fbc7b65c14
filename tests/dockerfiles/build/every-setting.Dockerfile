ARG REGISTRY=localhost:5000
FROM $REGISTRY/busybox:1
MAINTAINER somebody <somebody@example.com>
ENV A=1 B="two words" PATH=/opt/bin:$PATH
ENV OLD form of it
LABEL a=b "c d"='e f' from=replaced
EXPOSE 80 443/tcp 53/udp 8000-8003
VOLUME /data /more
VOLUME ["/json", "/with space"]
WORKDIR /work/sub
USER app:staff
SHELL ["/bin/sh", "-eu", "-c"]
ENTRYPOINT exec $A
CMD a "b c"
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=1m --start-period=2s --start-interval=1s --retries=7 CMD a b
ONBUILD COPY a.txt /b
ONBUILD ENV C=$A
