FROM alpine AS base
WORKDIR /srv
FROM base
WORKDIR app
COPY . .
COPY a b/
