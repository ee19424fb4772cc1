ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
ARG EXTRAS=api
ARG PIP_EXTRA=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
COPY docker/wheelhouse /wheelhouse
WORKDIR /src
COPY pyproject.toml constraints.txt LICENSE ./
RUN python -m venv /opt/nightshelf \
    && mkdir services shared && touch README.md \
    && /opt/nightshelf/bin/pip install --no-cache-dir -c constraints.txt --find-links /wheelhouse ${PIP_EXTRA} ".[${EXTRAS}]"
COPY services services
COPY shared shared
RUN /opt/nightshelf/bin/pip install --no-cache-dir -c constraints.txt --find-links /wheelhouse ${PIP_EXTRA} \
        --no-deps --force-reinstall . \
    && /opt/nightshelf/bin/python -m pip uninstall --quiet --yes pip setuptools

FROM ${BASE_IMAGE}
ARG SYSTEM_PACKAGES=
RUN if [ -n "${SYSTEM_PACKAGES}" ]; then \
        apt-get update && apt-get install --yes --no-install-recommends ${SYSTEM_PACKAGES} \
        && rm -rf /var/lib/apt/lists/*; \
    fi
RUN groupadd --gid 10001 nightshelf \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin nightshelf \
    && install --directory --owner=10001 --group=10001 /data
COPY --from=build /opt/nightshelf /opt/nightshelf
ENV PATH=/opt/nightshelf/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NIGHTSHELF_DATA_DIR=/data \
    NIGHTSHELF_LOG_FORMAT=json
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["nightshelf", "serve", "--host", "0.0.0.0", "--port", "8000"]
