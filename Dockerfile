# Spillway as a container. Build: docker build -t redis-spillway .
# Run:   docker run -p 6380:6380 -e SPILLWAY_UPSTREAM=redis://redis:6379 \
#          -v ./proxy.config.json:/etc/spillway/proxy.config.json:ro redis-spillway
# scripts/prove-image.sh takes the same steps without a Docker engine; it reads them from this file.

# Node 24 has long-term support until April 2028. Raise its exact version for each security release. Where builds must repeat to
# the byte, pin the digest as well: docker buildx imagetools inspect node:24.22.3-bookworm-slim
FROM node:24.22.3-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:24.22.3-bookworm-slim
# --build-arg REVISION="$(git rev-parse HEAD)"
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Spillway" \
      org.opencontainers.image.description="A transparent proxy that keeps Redis and Valkey away from OOM" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/node:24.22.3-bookworm-slim"
ENV NODE_ENV=production
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force
COPY --from=build /app/dist ./dist
# A default to start from; mount your own over it.
COPY proxy.config.json /etc/spillway/proxy.config.json

# The variables win over the mounted file, so that the published port and the health check hold whatever it says.
# Beyond the container's loopback the admin server needs a token: SPILLWAY_ADMIN=0.0.0.0:9380, SPILLWAY_ADMIN_TOKEN_FILE.
ENV SPILLWAY_CONFIG=/etc/spillway/proxy.config.json \
    SPILLWAY_LISTEN=0.0.0.0:6380 \
    SPILLWAY_ADMIN=127.0.0.1:9380
EXPOSE 6380
USER node
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["node", "-e", "fetch(`http://${process.env.SPILLWAY_ADMIN}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli/main.js"]
