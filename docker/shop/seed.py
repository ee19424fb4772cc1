"""Fill the example shop with the demo catalogue and its simulated readers: `python docker/shop/seed.py --url URL`.

Makes the tables of `schema.sql` if they are missing. If the shop has no books yet, fills them in one transaction. If it
has books, changes nothing, so that running this again never overwrites later changes.
"""
# ruff: noqa: INP001, T201 - a command in the folder of its schema

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg

from services.batch.sources.demo.source import DemoSource
from services.batch.sources.rejects import RejectLog

SCHEMA_FILE = Path(__file__).with_name("schema.sql")
_COPY_BOOKS = (
    "COPY shop.books (book_id, title, authors, year, genres, series, series_position, description, image_url) "
    "FROM STDIN"
)
_COPY_RATINGS = "COPY shop.ratings (reader_id, book_id, stars, rated_at) FROM STDIN"
_COPY_INTERACTIONS = "COPY shop.interactions (reader_id, book_id, kind, occurred_at) FROM STDIN"


def seed(url: str) -> dict[str, int]:
    """Make the shop's tables, and fill them if they are empty.

    Args:
        url: address of the database, in the form of libpq or SQLAlchemy.

    Returns:
        How many rows each table has now.

    Raises:
        psycopg.Error: the database cannot be reached, or the user has no permission. Then nothing is changed.
    """
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1), connect_timeout=10) as connection:
        # If two processes seed at the same time, the second one waits here.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('nightshelf.shop.seed'))")
        connection.execute(cast("LiteralString", SCHEMA_FILE.read_text(encoding="utf-8")))
        if not _count(connection, "SELECT count(*) FROM shop.books"):
            _fill(connection)
        return {
            "books": _count(connection, "SELECT count(*) FROM shop.books"),
            "ratings": _count(connection, "SELECT count(*) FROM shop.ratings"),
            "interactions": _count(connection, "SELECT count(*) FROM shop.interactions"),
        }


def _fill(connection: psycopg.Connection[Any]) -> None:
    source, rejects = DemoSource(), RejectLog()
    books, interactions = source.books(rejects), source.interactions(rejects)
    whole_years = [None if year != year else int(year) for year in books["year"]]  # noqa: PLR0124 - NaN is unknown
    positions = [None if position != position else position for position in books["series_position"]]  # noqa: PLR0124
    _copy(
        connection,
        _COPY_BOOKS,
        zip(
            books["book_id"],
            books["title"],
            books["authors"],
            whole_years,
            books["genres"],
            books["series"],
            positions,
            books["description"],
            books["image_url"],
            strict=True,
        ),
    )
    times = [datetime.fromtimestamp(seconds, UTC) for seconds in interactions["time"]]
    rows = zip(
        interactions["user_id"],
        interactions["book_id"],
        interactions["kind"],
        interactions["value"],
        times,
        strict=True,
    )
    acts = list(rows)
    _copy(
        connection,
        _COPY_RATINGS,
        ((reader, book, int(stars), at) for reader, book, kind, stars, at in acts if kind == "rating"),
    )
    _copy(
        connection,
        _COPY_INTERACTIONS,
        ((reader, book, kind, at) for reader, book, kind, _, at in acts if kind != "rating"),
    )


def _copy(connection: psycopg.Connection[Any], statement: LiteralString, rows: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _count(connection: psycopg.Connection[Any], statement: LiteralString) -> int:
    (n_rows,) = connection.execute(statement).fetchone() or (0,)
    return int(n_rows)


def main() -> int:
    """Seed the shop named on the command line or in SHOP_DATABASE_URL. Wait for a server that is still starting."""
    parser = argparse.ArgumentParser(description="Fill the example shop, once.")
    parser.add_argument("--url", default=os.environ.get("SHOP_DATABASE_URL"), help="default: SHOP_DATABASE_URL")
    parser.add_argument("--wait-seconds", type=float, default=30.0, help="for a server that is still starting")
    options = parser.parse_args()
    if not options.url:
        parser.error("no database: pass --url or set SHOP_DATABASE_URL")
    deadline = time.monotonic() + options.wait_seconds
    while True:
        try:
            counts = seed(options.url)
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                print(f"The shop's database does not answer: {error}", file=sys.stderr)
                return 1
            time.sleep(1)
        else:
            print(", ".join(f"{n_rows:,} {table}" for table, n_rows in counts.items()))
            return 0


if __name__ == "__main__":
    sys.exit(main())
