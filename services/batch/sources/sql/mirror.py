"""The mirror: a local copy of database tables, so that only changes are fetched.

`mirrors/mirror.json` names a Parquet file for each table, with its checksum and its watermark: the newest `updated_at`
seen. Files are named by content hash, and `mirror.json` is replaced last; until then the mirror is unchanged. The
folder can be deleted safely: everything is then read again.

Rows are sorted by key, numbers numerically and texts by bytes, so an incrementally updated mirror is byte-identical to
a full read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.batch.sources.sql.tables import DELETED, KEY_PREFIX
from shared.artifacts.generation import canonical_json, sha256_of
from shared.errors import SourceError
from shared.layout import fsync_folder, write_durably
from shared.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

ROWS_PER_GROUP = 1 << 18
_FORMAT = 1
_REPEATING = ("user_id", "book_id", "kind", "value")


@dataclass(frozen=True, slots=True)
class MirroredTable:
    """One table of the mirror: its file, the file's checksum, its rows, and its watermark in ISO 8601."""

    file: str
    sha256: str
    n_rows: int
    watermark: str | None


class Mirror:
    """The last completed mirror in a folder.

    Args:
        folder: its folder; created at the first write.
        database: its database. A mirror of another database is ignored.
    """

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self._database = database
        self._written: set[Path] = set()
        self.tables = self._load()

    def usable(self, shape: str) -> MirroredTable | None:
        """The table of this shape; `None` if it is missing or damaged."""
        table = self.tables.get(shape)
        if table is None:
            return None
        try:
            if sha256_of(self.folder / table.file) == table.sha256:
                return table
            fault = "its checksum does not match"
        except OSError as error:
            fault = str(error)
        get_logger().warning("sql.mirror_damaged", file=table.file, fault=fault)
        return None

    def spool(self, name: str, schema: pa.Schema, batches: Iterable[pa.Table]) -> Path:
        """Stream rows to a file, in bounded memory."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f".{name}.spool"
        self._written.add(path)
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_table(batch)
        return path

    def write(self, rows: pa.Table, watermark: str | None) -> MirroredTable:
        """Write the rows of one table; `complete` makes them part of the mirror."""
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / ".table.parquet"
        self._written.add(aside)
        schema = pa.schema([(field.name, _plain_type(field.type)) for field in rows.schema])
        with aside.open("wb") as file:
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for start in range(0, len(rows), ROWS_PER_GROUP):
                    writer.write_table(rows.slice(start, ROWS_PER_GROUP).cast(schema))
            file.flush()
            os.fsync(file.fileno())
        digest = sha256_of(aside)
        path = self.folder / f"{digest[:32]}.parquet"
        aside.replace(path)
        self._written.add(path)
        fsync_folder(self.folder)
        return MirroredTable(path.name, digest, len(rows), watermark)

    def complete(self, tables: dict[str, MirroredTable]) -> None:
        """Replace the mirror by these tables, by shape, and delete all other files."""
        entries = {
            shape: {"file": table.file, "sha256": table.sha256, "n_rows": table.n_rows, "watermark": table.watermark}
            for shape, table in tables.items()
        }
        content = {"format": _FORMAT, "database": self._database, "tables": entries}
        write_durably(self.folder / "mirror.json", canonical_json(content))
        self.tables = tables
        named = {"mirror.json", *(table.file for table in tables.values())}
        for path in self.folder.iterdir():
            if path.name not in named:
                path.unlink()

    def give_up(self) -> None:
        """Delete files written since the last `complete`."""
        named = {table.file for table in self.tables.values()}
        for path in self._written:
            if path.name not in named:
                path.unlink(missing_ok=True)

    def _load(self) -> dict[str, MirroredTable]:
        path = self.folder / "mirror.json"
        if not path.exists():
            return {}
        try:
            content = orjson.loads(path.read_bytes())
            if (content["format"], content["database"]) != (_FORMAT, self._database):
                return {}
            return {shape: MirroredTable(**table) for shape, table in content["tables"].items()}
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            get_logger().warning("sql.mirror_damaged", file=path.name, fault=str(error))
            return {}


def load_rows(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Rows of a mirror or a spool: repetitive columns as dictionaries, other texts as `large_string`."""
    schema = pq.read_schema(path)
    coded = [
        field.name
        for field in schema
        if field.type == pa.string() and (field.name in _REPEATING or field.name.startswith(KEY_PREFIX))
    ]
    rows = pq.read_table(path, columns=columns, read_dictionary=coded)
    fields = [(field.name, pa.large_string() if field.type == pa.string() else field.type) for field in rows.schema]
    return rows.cast(pa.schema(fields))


def in_order(rows: pa.Table, title: str, *, may_repeat: bool) -> pa.Table:
    """Rows sorted by key.

    Raises:
        SourceError: two rows have the same key, unless `may_repeat`.
    """
    rows = rows.unify_dictionaries()
    numbers = key_numbers(rows)
    order = np.argsort(numbers, kind="stable")
    if not may_repeat:
        _refuse_repeated(rows, numbers, title)
    return rows.take(pa.array(order))


def merged(old: pa.Table, changes: pa.Table, title: str) -> pa.Table:
    """The old rows with the changes applied, sorted by key.

    Args:
        old: rows as returned by `in_order`.
        changes: the same columns, and `deleted`; replaces the row with the same key or, if `deleted`, removes it.
        title: of the table, for errors.

    Raises:
        SourceError: two changes have the same key.
    """
    rows = pa.concat_tables([old, changes.drop_columns([DELETED])]).unify_dictionaries()
    numbers = key_numbers(rows)
    changed = numbers[len(old) :]
    _refuse_repeated(changes, changed, title)
    stays = np.append(
        ~np.isin(numbers[: len(old)], changed), ~changes[DELETED].to_numpy().astype(bool)
    )  # a change replaces the old row
    kept = np.flatnonzero(stays)
    return rows.take(pa.array(kept[np.argsort(numbers[kept], kind="stable")]))


def present(rows: pa.Table, keys: pa.Table) -> tuple[pa.Table, int]:
    """The rows with keys in `keys`, and the number of `keys` without a row."""
    key_names = keys.column_names
    numbers = key_numbers(pa.concat_tables([rows.select(key_names), keys]))
    of_rows, of_keys = numbers[: len(rows)], numbers[len(rows) :]
    n_missing = int((~np.isin(of_keys, of_rows)).sum())
    return rows.filter(pa.array(np.isin(of_rows, of_keys))), n_missing


def key_numbers(rows: pa.Table) -> NDArray[np.int64]:
    """A number per row, shape (n,), equal for equal keys and in key order."""
    numbers = np.zeros(len(rows), dtype=np.int64)
    n_numbers = 1
    for name in rows.column_names:
        if not name.startswith(KEY_PREFIX):
            continue
        column = rows[name].unify_dictionaries().combine_chunks()
        encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
        codes = pc.fill_null(encoded.indices.cast(pa.int64()), -1).to_numpy()
        n_values = len(encoded.dictionary) + 1
        ranks = np.zeros(n_values, dtype=np.int64)  # the last entry is for missing values, which sort first
        ranks[pc.sort_indices(encoded.dictionary).to_numpy()] = np.arange(1, n_values)
        if n_numbers > np.iinfo(np.int64).max // n_values:
            distinct, numbers = np.unique(numbers, return_inverse=True)
            n_numbers = len(distinct)
        numbers = numbers * n_values + ranks[codes]
        n_numbers *= n_values
    return numbers


def _refuse_repeated(rows: pa.Table, numbers: NDArray[np.int64], title: str) -> None:
    ordered = np.sort(numbers)
    repeated = ordered[1:][np.diff(ordered) == 0]
    if len(repeated):
        row = int(np.flatnonzero(numbers == repeated[0])[0])
        values: list[Any] = [rows[name][row].as_py() for name in rows.column_names if name.startswith(KEY_PREFIX)]
        raise SourceError(
            f"Rows of {title} share the key {', '.join(str(value) for value in values)} and cannot be distinguished.",
            where=title,
            hint="Name columns that identify each row uniquely: key = […].",
        )


def _plain_type(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_
