ARG REGISTRY=localhost:5000
FROM $REGISTRY/debian:1 AS base
ENV NODE_ENV=production
WORKDIR /app
FROM base
COPY --chown=1000:1000 node_modules ./node_modules
COPY --chown=1000:1000 dir ./src
USER 1000
EXPOSE 8080
HEALTHCHECK CMD ["/bin/dash", "-c", "true"]
CMD ["/bin/dash", "run.sh"]
