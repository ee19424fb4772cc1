ARG SERVICES_BASE
FROM ${SERVICES_BASE}
RUN groupadd --system --gid 999 postgres \
    && useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql postgres \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-17 >/dev/null \
    && pg_dropcluster 17 main \
    && install --directory --owner=999 --group=999 --mode=0700 /var/lib/postgresql/data \
    && rm -rf /var/lib/apt/lists/*
ENV PATH=/usr/lib/postgresql/17/bin:$PATH
COPY postgres-entrypoint.sh /usr/local/bin/
ENTRYPOINT ["bash", "/usr/local/bin/postgres-entrypoint.sh"]
