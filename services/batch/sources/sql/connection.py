"""A read-only database connection with a consistent snapshot and helpful errors.

Errors never contain a password: SQLAlchemy hides parameters, and messages of servers and drivers are searched for the
secret parts of the address.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlalchemy import create_engine, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from services.batch.sources.sql.mapping import place_of, secrets_of
from shared.errors import SourceError, install_hint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

    from services.batch.sources.sql.mapping import Database

# Detects a dead server within about a minute; the system default is two hours.
_POSTGRES_OPTIONS: dict[str, Any] = {
    "application_name": "nightshelf",
    "client_encoding": "utf8",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "prepare_threshold": None,  # prepared statements do not survive a connection pooler such as PgBouncer
}
_HINTS = {
    "28P01": "Check user and password in the address.",
    "28000": "Check user and password in the address, and the server's pg_hba.conf.",
    "3D000": "Check the database's name in the address.",
    "42501": "Let the user read it: GRANT USAGE ON SCHEMA … TO …; GRANT SELECT ON … TO …;",
    "57014": "The server canceled a slow statement: raise statement_timeout_seconds in [database], or give "
    "the column updated_at an index.",
    "40001": "A replica cancels long queries that conflict with replication: set hot_standby_feedback = on or raise "
    "max_standby_streaming_delay there, or read from the primary.",
}
_AWAY = "Is the server up, and can this machine reach it? Data already read is kept; try again."


@contextmanager
def one_moment(database: Database) -> Iterator[Connection]:
    """A read-only transaction in which all statements see the same snapshot of the database.

    Raises:
        SourceError: the database is unreachable, refuses access or disconnects, also inside the `with` block; or its
            data cannot be read.
    """
    url = database.address()
    try:
        engine = _engine(url, database)
    except ModuleNotFoundError as error:
        raise SourceError(
            f"Reading {url.get_backend_name()} needs {error.name}, which is not installed.",
            where=place_of(url),
            hint=install_hint("sql"),
        ) from error
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.exec_driver_sql("BEGIN")  # pysqlite begins no transaction for reads
                yield connection
                connection.exec_driver_sql("ROLLBACK")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                with connection.begin():
                    milliseconds = round(database.statement_timeout_seconds * 1000)
                    # Times without a zone are UTC, also in comparisons with the server's clock.
                    settings = {"TimeZone": "UTC", "statement_timeout": str(milliseconds)}
                    connection.execute(
                        select(*(func.set_config(name, value, True) for name, value in settings.items()))
                    )
                    yield connection
    except (SQLAlchemyError, UnicodeDecodeError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise _explained(error, url) from _without_secrets(error, url)
    finally:
        engine.dispose()


def _engine(url: URL, database: Database) -> Engine:
    options: dict[str, Any] = {"timeout": database.connect_timeout_seconds}
    if url.get_backend_name() == "postgresql":
        options = _POSTGRES_OPTIONS | {"connect_timeout": database.connect_timeout_seconds}
        options = {name: value for name, value in options.items() if name not in url.query}
    return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=options)


def _explained(error: Exception, url: URL) -> SourceError:
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    what = "; ".join(" ".join(line.split()) for line in lines[:2])
    for secret in secrets_of(url):
        what = what.replace(secret, "***")
    state = getattr(cause, "sqlstate", None)
    hint = _HINTS.get(state or "")
    if hint is None and isinstance(error, DBAPIError):
        refused = "authentication failed" in what  # while connecting, the driver gives no error code
        hint = _HINTS["28P01"] if refused else _AWAY
    return SourceError(f"The database cannot be read: {what}.", where=place_of(url), hint=hint)


def _without_secrets(error: Exception, url: URL) -> Exception | None:
    """The error as the cause of another error; `None` if its text contains a secret."""
    text = f"{error} {error.__cause__} {error.__context__}"
    return None if any(secret in text for secret in secrets_of(url)) else error
