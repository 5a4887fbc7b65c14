FROM alpine
ARG TOKEN_URL
ENV a=${TOKEN_URL:?pass the address with --build-arg}
ENV b=${nothing?}
