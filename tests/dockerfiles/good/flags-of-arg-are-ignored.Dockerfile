FROM alpine
ARG --anything a=1
STOPSIGNAL --anything 9
HEALTHCHECK --interval=x NONE
