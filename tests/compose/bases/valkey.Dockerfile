ARG SERVICES_BASE
FROM ${SERVICES_BASE}
RUN groupadd --system --gid 999 valkey \
    && useradd --system --uid 999 --gid valkey valkey \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends valkey-server valkey-tools >/dev/null \
    && install --directory --owner=999 --group=999 /data \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /data
