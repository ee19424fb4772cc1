"""Books and interactions from a database: only changed rows are fetched, in one consistent snapshot.

`fingerprint` updates the mirror in one read-only transaction over all tables; `books` and `interactions` then read the
mirror like table files. From a table with `updated_at`, only rows changed since the watermark minus an overlap are
fetched. The overlap is needed because a row gets its time before its transaction commits, so it may become visible
after a newer row.

Deleted rows are detected by counting: the mirror with the changes contains every row of the table, so equal counts mean
equal rows. Otherwise all keys are fetched and compared. The table is read in full if a key is in neither mirror nor
changes, or if the newest change is older than the watermark (a restored backup).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.batch.sources.book_rows import clean_books
from services.batch.sources.files.tables import open_table
from services.batch.sources.mapping import MAPPING_FILE, MappedFolder, clean_all_interactions, read_mapping
from services.batch.sources.sql.connection import one_moment
from services.batch.sources.sql.mapping import SqlMapping, place_of
from services.batch.sources.sql.mirror import Mirror, MirroredTable, in_order, load_rows, merged, present
from services.batch.sources.sql.tables import DatabaseTable, inspect_table
from shared.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa
    from sqlalchemy import Connection

    from services.batch.sources.rejects import RejectLog

_EARLIEST_YEAR = 1970
"""An older `updated_at` counts as missing; it is not a watermark."""


@dataclass(slots=True)
class SqlSource(MappedFolder[SqlMapping]):
    """A database source; see `services.batch.sources.source.Source`. Make it with `open_sql`."""

    mirrors: Path
    fresh: bool = False
    kind: str = "sql"
    _tables: Sequence[MirroredTable] = ()

    def fingerprint(self) -> str:
        """Update the mirror; returns a hash of it and of the mapping. See `Source.fingerprint`.

        Raises:
            SourceError: the database or a table cannot be read. The mirror is unchanged.
        """
        self._tables = self._refreshed()
        digest = hashlib.sha256(self.kind.encode() + b"\n" + (self.path / MAPPING_FILE).read_bytes())
        for table in self._tables:
            digest.update(f"\n{table.sha256}".encode())
        return digest.hexdigest()

    def books(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.books`."""
        form = self.mapping.books.form(self.mapping.books.table)
        table, *_ = self._mirrored()
        return clean_books(
            open_table(self.mirrors / table.file).frame(_own_names(form.columns), rejects), form, rejects
        )

    def interactions(self, rejects: RejectLog) -> pd.DataFrame:
        """See `Source.interactions`."""
        books = self.mapping.books.table
        forms = [table.form(table.table, is_shelf=table.table == books) for table in self.mapping.interactions]
        _, *tables = self._mirrored()
        return clean_all_interactions(
            (
                (open_table(self.mirrors / table.file).batches(_own_names(form.columns), rejects), form)
                for table, form in zip(tables, forms, strict=True)
            ),
            rejects,
        )

    def _mirrored(self) -> Sequence[MirroredTable]:
        """The tables of the last `fingerprint`, the books table first."""
        if not self._tables:
            self.fingerprint()
        return self._tables

    def _refreshed(self) -> list[MirroredTable]:
        database = self.mapping.database
        mirror = Mirror(self.mirrors, place_of(database.address()))
        overlap = timedelta(minutes=database.overlap_minutes)
        try:
            with one_moment(database) as connection:
                found = [inspect_table(connection, mapped) for mapped in self.mapping.tables]
                tables = {}
                for table in found:
                    if table.shape not in tables:
                        previous = None if self.fresh else mirror.usable(table.shape)
                        tables[table.shape] = _read(connection, table, mirror, previous, overlap)
            mirror.complete(tables)
        except BaseException:
            mirror.give_up()
            raise
        self.fresh = False
        return [tables[table.shape] for table in found]


def open_sql(path: Path, mirrors: Path, *, fresh: bool = False) -> SqlSource:
    """Open a folder whose `nightshelf.toml` has a `[database]`, without connecting.

    Args:
        path: the folder.
        mirrors: the folder of the local copy.
        fresh: ignore the mirror and read everything.

    Raises:
        SourceError: the mapping is invalid, or the address of the database is missing.
    """
    source = SqlSource(path, read_mapping(path, SqlMapping), mirrors, fresh)
    source.mapping.database.address()
    return source


def _own_names(columns: Iterable[str]) -> dict[str, str]:
    """The identity mapping: the mirror has our column names."""
    return {ours: ours for ours in columns}


def _read(
    connection: Connection, table: DatabaseTable, mirror: Mirror, previous: MirroredTable | None, overlap: timedelta
) -> MirroredTable:
    """The current rows of one table, from the mirror and the changes or from a full read."""
    n_rows, newest = table.extent(connection)
    watermark = newest.isoformat() if newest is not None and newest.year > _EARLIEST_YEAR else None
    log = get_logger().bind(table=table.title, n_rows=n_rows)
    seen = None if previous is None or previous.watermark is None else datetime.fromisoformat(previous.watermark)
    if previous is not None and seen is not None and newest is not None and newest >= seen:
        changes = load_rows(
            mirror.spool("changes", table.schema(with_deleted=True), table.changes(connection, seen - overlap))
        )
        log.info("sql.read", how="changes", n_fetched=len(changes))
        if not len(changes) and previous.n_rows == n_rows:
            return replace(previous, watermark=watermark)
        rows = _with_changes(connection, table, mirror, load_rows(mirror.folder / previous.file), changes, n_rows)
        if rows is not None:
            return mirror.write(rows, watermark)
    rows = load_rows(mirror.spool("rows", table.schema(), table.all_rows(connection)))
    log.info("sql.read", how="whole", n_fetched=len(rows))
    return mirror.write(in_order(rows, table.title, may_repeat=table.updated_at is None), watermark)


def _with_changes(
    connection: Connection, table: DatabaseTable, mirror: Mirror, old: pa.Table, changes: pa.Table, n_rows: int
) -> pa.Table | None:
    """The old rows with the changes, without deleted rows; `None` if the result does not match the table."""
    rows = merged(old, changes, table.title)
    if len(rows) == n_rows:
        return rows
    keys = load_rows(mirror.spool("keys", table.key_schema(), table.all_keys(connection)))
    rows, n_missing = present(rows, keys)
    log = get_logger().bind(table=table.title)
    log.info("sql.keys_compared", n_keys=len(keys), n_missing=n_missing)
    if n_missing:
        log.warning("sql.rows_without_a_change", n_rows=n_missing, hint="Does every insert and update set updated_at?")
        return None
    return rows
