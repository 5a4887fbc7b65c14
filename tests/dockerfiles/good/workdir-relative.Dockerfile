FROM alpine
WORKDIR app
WORKDIR more
