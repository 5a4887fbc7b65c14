FROM alpine AS Builder
COPY a /a
FROM scratch
COPY --from=builder /a /
