"""A `nightshelf.toml` with tables in a database.

    [database]
    url_from = "SHOP_DATABASE_URL"     # the environment variable with the address; or url = "…", without a password
    overlap_minutes = 10               # changes are read again from this long before the newest change seen
    statement_timeout_seconds = 3600   # per statement; 0: no limit
    connect_timeout_seconds = 10

    [books]
    table = "shop.books"               # with or without its schema
    columns = { book_id = "id", title = "name", authors = "writers" }
    updated_at = "updated_at"          # without it, the whole table is read every time
    deleted_at = "deleted_at"          # a time or a boolean; rows where it is set count as deleted
    key = ["id"]                       # default: the primary key

    [[interactions]]
    table = "shop.ratings"
    columns = { user_id = "reader", book_id = "book", value = "stars", time = "rated_at" }
    updated_at = "updated_at"

Everything else is as for files; see `generic`.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from services.batch.sources.mapping import BooksMapping, InteractionsMapping, Mapping, Section
from shared.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECRET_OPTIONS = ("password", "sslpassword", "passfile")


class Database(Section):
    """`[database]`."""

    url: str | None = None
    url_from: str | None = Field(None, min_length=1)
    overlap_minutes: float = Field(10, ge=0, le=100_000)
    statement_timeout_seconds: float = Field(3600, ge=0, le=1_000_000)
    connect_timeout_seconds: int = Field(10, ge=1, le=600)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.url is None) == (self.url_from is None):
            raise ValueError("give either url_from (the name of an environment variable) or url")
        if self.url is not None and secrets_of(_parsed(self.url, "url")):
            raise ValueError("url must not contain a password: name an environment variable in url_from instead")
        return self

    def address(self) -> URL:
        """The address of the database; `postgresql://` uses the driver psycopg.

        Raises:
            SourceError: the environment variable is missing or not an address, or the database is not supported.
        """
        written = self.url if self.url_from is None else os.environ.get(self.url_from)
        where = "[database] url" if self.url_from is None else self.url_from
        if not written:
            raise SourceError(
                f"The environment variable {self.url_from} with the address of the database is not set.",
                where=where,
                hint=f"export {self.url_from}=postgresql://user:password@host/database",
            )
        try:
            url = _parsed(written, where)
        except ValueError as error:
            raise SourceError(
                f"{error}.", where=where, hint="Write postgresql://user:password@host/database."
            ) from None
        if url.drivername in {"postgresql", "postgres"}:
            url = url.set(drivername="postgresql+psycopg")
        if url.drivername not in {"postgresql+psycopg", "sqlite"}:
            raise SourceError(
                f"Nightshelf reads PostgreSQL and SQLite, not {url.drivername}.",
                where=where,
                hint="Use an address that starts with postgresql://, or export the tables to files.",
            )
        return url


class _InTable(Section):
    table: str = Field(pattern=r"^[^.]+(\.[^.]+)?$")
    updated_at: str | None = None
    deleted_at: str | None = None
    key: list[str] | None = Field(None, min_length=1)

    @property
    def place(self) -> tuple[str | None, str]:
        """The schema, if given, and the table name."""
        schema, _, name = self.table.rpartition(".")
        return schema or None, name


class BooksTable(_InTable, BooksMapping):
    """`[books]`."""


class InteractionsTable(_InTable, InteractionsMapping):
    """One `[[interactions]]`."""


class SqlMapping(Mapping[BooksTable, InteractionsTable]):
    """The whole of a `nightshelf.toml` with a `[database]`."""

    database: Database

    @property
    def tables(self) -> Sequence[BooksTable | InteractionsTable]:
        """All tables, the books table first."""
        return [self.books, *self.interactions]


def secrets_of(url: URL) -> list[str]:
    """The secret parts of an address."""
    options = [url.query.get(option) for option in _SECRET_OPTIONS]
    return [str(secret) for secret in (url.password, *options) if secret]


def place_of(url: URL) -> str:
    """The database of an address, without user and password."""
    host = url.host or url.query.get("host") or ""
    server = f"{host}:{url.port}" if url.port else str(host)
    return f"{url.get_backend_name()}://{server}/{url.database or ''}"


def identity_of(parts: Sequence[object]) -> str:
    """A short hash of strings and lists of strings."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _parsed(url: str, where: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(f"{where} does not hold the address of a database") from None
