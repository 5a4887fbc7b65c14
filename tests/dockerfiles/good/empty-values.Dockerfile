FROM alpine
ARG empty=
ENV a="" b='' c=$empty
LABEL a= b=""
COPY --chown=$empty --chmod= a /a
USER "$empty"
WORKDIR ""
