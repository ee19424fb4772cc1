#!/bin/sh
# The image runs this once, on an empty volume. It makes a role and a database each for Airflow and the example shop.
set -eu
for name in airflow shop; do
    case $name in
        airflow) password=$AIRFLOW_DB_PASSWORD ;;
        shop) password=$SHOP_DB_PASSWORD ;;
    esac
    psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 \
        --set name="$name" --set password="$password" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
