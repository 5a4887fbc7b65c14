FROM alpine
ARG port=9000
EXPOSE 80 443/tcp 53/udp 8000-8003/sctp $port ${other:-7000}
EXPOSE 80
EXPOSE 0 65535
