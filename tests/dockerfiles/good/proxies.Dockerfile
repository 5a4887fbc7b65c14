FROM alpine
ARG HTTP_PROXY
ENV a=$HTTP_PROXY b=$https_proxy
