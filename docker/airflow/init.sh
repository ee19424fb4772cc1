#!/bin/sh
# Updates the database of Airflow, and makes the pool and the administrator. Safe to repeat.
set -eu
airflow db migrate
airflow pools set nightshelf "${NIGHTSHELF_STEPS_AT_ONCE}" 'Steps of a night that may work beside each other'
airflow users create --username "${AIRFLOW_ADMIN_USER}" --password "${AIRFLOW_ADMIN_PASSWORD}" --role Admin \
    --firstname Night --lastname Shelf --email "${AIRFLOW_ADMIN_USER}@localhost"
airflow users reset-password --username "${AIRFLOW_ADMIN_USER}" --password "${AIRFLOW_ADMIN_PASSWORD}"
