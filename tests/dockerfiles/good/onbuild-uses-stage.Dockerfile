FROM alpine AS tools
COPY a /tool
FROM alpine AS base
ONBUILD COPY --from=tools /tool /tool
ONBUILD WORKDIR /on
FROM base
COPY x .
