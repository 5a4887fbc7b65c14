ARG a=$a
FROM alpine
ARG a=$a$a
ARG a=x$a
ARG a=$a$a
ENV b=$a
