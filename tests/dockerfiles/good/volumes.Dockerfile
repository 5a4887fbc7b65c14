FROM alpine
ENV d=/data
VOLUME /a /b
VOLUME ["/c d", "$d"]
VOLUME $d/x
