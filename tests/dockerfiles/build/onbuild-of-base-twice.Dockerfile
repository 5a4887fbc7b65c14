ARG REGISTRY=localhost:5000
FROM $REGISTRY/onbuild:1 AS first
FROM first
COPY --from=first /onbuild /again
