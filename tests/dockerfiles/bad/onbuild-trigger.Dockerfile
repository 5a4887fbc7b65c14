FROM alpine AS base
ONBUILD NOPE
ONBUILD COPY --nope a b
FROM base
