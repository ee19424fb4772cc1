#!/bin/bash
# The part of the stock image's entrypoint that the compose file relies on.
set -euo pipefail
export PGDATA=${PGDATA:-/var/lib/postgresql/data} PATH=/usr/lib/postgresql/17/bin:$PATH
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --encoding=UTF8 --locale=C.UTF-8 --username="$POSTGRES_USER" \
        --pwfile=<(printf '%s' "$POSTGRES_PASSWORD") --auth-host=scram-sha-256 --auth-local=trust
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    pg_ctl --wait -o "-c listen_addresses=''" start
    for script in /docker-entrypoint-initdb.d/*.sh; do
        sh "$script"
    done
    pg_ctl --wait --mode fast stop
fi
exec postgres -c listen_addresses='*'
