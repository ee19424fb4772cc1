ARG SERVICES_BASE
FROM ${SERVICES_BASE}
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light curl >/dev/null \
    && rm -rf /var/lib/apt/lists/*
