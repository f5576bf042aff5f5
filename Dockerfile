# Aforo in a container. Node runs the TypeScript itself; there is no build step. The embedded database and the
# platform packages of Node are left out: here DATABASE_URL is set and the image brings Node.
# Pin by digest for production: docker buildx imagetools inspect node:24.21.0-bookworm-slim
FROM node:24.21.0-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY core ./core
COPY schema ./schema
COPY receiver ./receiver
COPY rating ./rating
COPY api ./api
COPY sidecar ./sidecar
COPY alerts ./alerts
COPY webhooks ./webhooks
COPY cmd ./cmd
USER node
EXPOSE 4317 4318 4319 4320 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=5 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "cmd/aforo.ts", "serve"]
