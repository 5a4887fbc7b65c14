FROM alpine AS builder
FROM alpine
COPY --from=Builder:x /a /b
COPY --from=7 /a /b
COPY --from=$stage /a /b
