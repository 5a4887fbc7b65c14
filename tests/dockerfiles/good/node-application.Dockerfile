# syntax=docker/dockerfile:1
ARG NODE=22
FROM node:${NODE}-slim AS base
WORKDIR /app
ENV NODE_ENV=production

FROM base AS dependencies
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci

FROM base
COPY --link --from=dependencies /app/node_modules ./node_modules
COPY --chown=node:node . .
USER node
EXPOSE 3000
HEALTHCHECK --interval=30s CMD ["node", "health.js"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node"]
CMD ["server.js"]
