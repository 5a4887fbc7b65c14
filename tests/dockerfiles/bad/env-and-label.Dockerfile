FROM alpine
ENV name
ENV a=1 b
LABEL =x
ARG =y
ENV
