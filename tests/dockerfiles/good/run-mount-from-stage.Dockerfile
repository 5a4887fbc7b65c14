FROM alpine AS deps
COPY a /a
FROM alpine
ARG where=/x
RUN --mount=from=deps,source=/a,target=$where,ro=true a
RUN --mount=type=bind,\"source=a,b\",target=/x a
