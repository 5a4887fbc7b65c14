FROM alpine
ENV ports="80 81/udp"
EXPOSE $ports
EXPOSE "$undefined"
