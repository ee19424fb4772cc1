"""A small shop in a database: books, stars and loans, with odd names and types, and a source that reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from structlog.testing import capture_logs

from services.batch.ingest.ingest import ingest
from services.batch.ingest.snapshot import Snapshot, current_snapshot
from services.batch.runtime.context import RunContext
from services.batch.sources.folder import open_folder
from services.batch.sources.sql.source import SqlSource
from shared.layout import DataFolder
from shared.settings import Settings

VARIABLE = "TEST_SHOP_URL"
TABLES = """
    CREATE SCHEMA "Odd Shop";
    CREATE TYPE deed AS ENUM ('lent', 'hidden');
    CREATE TABLE "Odd Shop"."Books" (
        id integer PRIMARY KEY, "Name 100%" text, writers text[], shelf text, published date, "average:x" numeric(4, 2),
        changed timestamptz, gone timestamptz
    );
    CREATE TABLE "Odd Shop".stars (
        reader uuid, book integer, stars numeric(3, 1), at timestamp, changed timestamp, PRIMARY KEY (reader, book)
    );
    CREATE TABLE "Odd Shop".loans (
        id bigint PRIMARY KEY, member char(40), book numeric(8, 2), what deed, at timestamptz, changed timestamptz,
        taken_back boolean
    );
"""
MAPPING = f"""
name = "Odd shop"

[database]
url_from = "{VARIABLE}"

[books]
table = "Odd Shop.Books"
columns = {{ book_id = "id", title = "Name 100%", authors = "writers", genres = "shelf", year = "published", average_rating = "average:x" }}
genre_separator = "|"
updated_at = "changed"
deleted_at = "gone"

[[interactions]]
table = "Odd Shop.stars"
columns = {{ user_id = "reader", book_id = "book", value = "stars", time = "at" }}
rating_scale = [0, 10]
updated_at = "changed"

[[interactions]]
table = "Odd Shop.loans"
columns = {{ user_id = "member", book_id = "book", kind = "what", time = "at" }}
kinds = {{ lent = "read", hidden = "dismiss" }}
updated_at = "changed"
deleted_at = "taken_back"
"""  # noqa: E501 - an inline table has one line
READERS = [f"00000000-0000-4000-8000-{number:012}" for number in range(12)]
LONG_AGO = "2025-03-01 12:00+00"


class Shop:
    """A database with books, stars and loans, and a source that reads it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.data = DataFolder(folder / "data")
        self.map(MAPPING)

    def map(self, mapping: str) -> None:
        (self.folder / "mapping").mkdir(exist_ok=True)
        (self.folder / "mapping" / "nightshelf.toml").write_text(mapping, encoding="utf-8")

    def do(self, *statements: str) -> list[Any]:
        with psycopg.connect(self.url) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def source(self) -> SqlSource:
        source = open_folder(self.folder / "mapping", self.data.mirrors)
        assert isinstance(source, SqlSource)
        return source

    def fetched(self, source: SqlSource | None = None) -> dict[str, tuple[str, int]]:
        """Refresh; how each table was read, and how many rows came."""
        with capture_logs() as logs:
            (source or self.source()).fingerprint()
        reads = [entry for entry in logs if entry["event"] == "sql.read"]
        return {entry["table"].split(".")[-1]: (entry["how"], entry["n_fetched"]) for entry in reads}

    def whole_fingerprint(self, folder: Path) -> str:
        """The fingerprint of a source that has never read before."""
        return open_folder(self.folder / "mapping", folder).fingerprint()

    def ingest(self) -> Snapshot:
        ingest(RunContext(Settings(_env_file=None, data_dir=self.data.root)), self.source())
        snapshot = current_snapshot(self.data)
        assert snapshot is not None
        return snapshot

    def interactions(self) -> list[tuple[str, int, str]]:
        frame = self.ingest().load_interactions()
        return sorted(zip(frame["user_id"], frame["book_number"], frame["kind"], strict=True))
