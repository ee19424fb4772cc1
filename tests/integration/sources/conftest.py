"""A PostgreSQL server and a shop in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import absent
from tests.servers.postgres_server import PostgresServer, postgres_server
from tests.worlds.sql_shop import LONG_AGO, TABLES, VARIABLE, Shop


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        if server is None:
            absent("PostgreSQL")
        yield server


@pytest.fixture(scope="session")
def database_url(postgres) -> str:
    return postgres.new_database()


@pytest.fixture
def shop(database_url, tmp_path, monkeypatch) -> Shop:
    """Twenty books, sixty stars and forty loans, all of long ago; and nothing else in the database."""
    shop = Shop(database_url, tmp_path)
    monkeypatch.setenv(VARIABLE, shop.url)
    shop.do(
        'DROP SCHEMA IF EXISTS "Odd Shop", public CASCADE',
        "CREATE SCHEMA public",
        TABLES,
        f"""INSERT INTO "Odd Shop"."Books"
            SELECT i, 'Book ' || i, ARRAY['Ann ' || i, NULL, 'Bo'], 'Crime|Love', make_date(1900 + i, 2, 3), 4.50,
                   timestamptz '{LONG_AGO}' + i * interval '1 hour', NULL
            FROM generate_series(1, 20) AS i""",
        f"""INSERT INTO "Odd Shop".stars
            SELECT ('00000000-0000-4000-8000-' || lpad((i % 12)::text, 12, '0'))::uuid, 1 + i / 12 * 3 + i % 3, i % 11,
                   timestamp '2024-01-01 00:00' + i * interval '1.5 second',
                   timestamp '{LONG_AGO[:-3]}' + i * interval '1 hour'
            FROM generate_series(0, 59) AS i""",
        f"""INSERT INTO "Odd Shop".loans
            SELECT i, 'member ' || i % 9, 1 + i % 20, (ARRAY['lent', 'hidden'])[1 + i % 2]::deed,
                   timestamptz '2024-02-01 00:00+02' + i * interval '1 minute',
                   timestamptz '{LONG_AGO}' + i * interval '1 hour', CASE i % 3 WHEN 0 THEN false END
            FROM generate_series(1, 40) AS i""",
    )
    return shop
