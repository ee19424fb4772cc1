"""Snapshots: the validated tables of one ingest, in an immutable folder named by content hash.

`snapshots/<id>/` holds `books.parquet` (row i has item index i), `interactions.parquet` (sorted by time, at most one
row per user, book and kind), `rejects.parquet` and `snapshot.json`; the file `snapshots/current` names the newest. The
id is a hash of the first two tables and the source's name: the same data has the same id.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from services.batch.ingest.interactions import Interactions
from services.batch.ingest.snapshot_manifest import SnapshotManifest, SnapshotMetadata
from shared.artifacts.generation import canonical_json, content_id, sha256_of
from shared.errors import ArtifactError
from shared.layout import DataFolder, fsync_folder, write_durably

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

ROWS_PER_GROUP = 1 << 20
_ROWS_PER_BATCH = 1 << 16
BOOKS_SCHEMA = pa.schema(
    [
        ("book_number", pa.int32()),
        ("book_id", pa.string()),
        ("title", pa.string()),
        ("authors", pa.list_(pa.string())),
        ("year", pa.int32()),
        ("genres", pa.list_(pa.string())),
        ("series", pa.string()),
        ("series_position", pa.float64()),
        ("description", pa.string()),
        ("image_url", pa.string()),
        ("average_rating", pa.float64()),
        ("n_ratings", pa.int64()),
        ("isbns", pa.list_(pa.string())),
        ("other_titles", pa.list_(pa.string())),
        ("active", pa.bool_()),
    ]
)
INTERACTIONS_SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("book_number", pa.int32()),
        ("kind", pa.string()),
        ("value", pa.float64()),
        ("time", pa.float64()),
        ("event_id", pa.string()),
    ]
)
_LISTS = ("authors", "genres", "isbns", "other_titles")
_ADDED_LISTS = ("isbns", "other_titles")  # a snapshot of an earlier version lacks them
_OPTIONAL_NUMBERS = ("year", "n_ratings")
_OPTIONAL_TEXTS = ("series", "description", "image_url")


@dataclass(frozen=True)
class Snapshot:
    """One snapshot on disk.

    Args:
        path: its folder.
        manifest: its `snapshot.json`.
    """

    path: Path
    manifest: SnapshotManifest

    @property
    def id(self) -> str:
        """The snapshot's id."""
        return self.path.name

    def load_books(self) -> pd.DataFrame:
        """All known books, row i has item index i.

        Columns as in `BOOKS_SCHEMA`: `authors`, `genres`, `isbns` and `other_titles` lists of str, empty if unknown;
        `year`, `series_position`, `average_rating` and `n_ratings` float64, NaN if unknown; missing texts `None`.

        Raises:
            ArtifactError: the file is missing or damaged.
        """
        frame: pd.DataFrame = self._read("books", BOOKS_SCHEMA).to_pandas()
        for column in _LISTS:
            frame[column] = pd.Series([[] if items is None else list(items) for items in frame[column]], dtype=object)
        for column in _OPTIONAL_NUMBERS:
            frame[column] = frame[column].astype("float64")
        for column in _OPTIONAL_TEXTS:
            texts = frame[column].astype(object)
            frame[column] = texts.where(texts.notna(), None)
        return frame

    def load_interactions(self, n_first: int | None = None) -> pd.DataFrame:
        """All interactions, oldest first; or only the first `n_first`, without reading the others.

        Columns as in `INTERACTIONS_SCHEMA`: `user_id`, `kind` and `event_id` categorical (`event_id` missing for rows
        of the source), `book_number` int32, `value` float64 (NaN if not a rating), `time` float64.

        Raises:
            ArtifactError: the file is missing or damaged.
        """
        table = self._read("interactions", INTERACTIONS_SCHEMA, n_first)
        # One dictionary for the whole column: unifying one per row group takes five times as long.
        columns = {
            name: table[name].dictionary_encode() if pa.types.is_string(table[name].type) else table[name]
            for name in table.column_names
        }
        frame: pd.DataFrame = pa.table(columns).to_pandas()
        return frame

    @cached_property
    def interactions(self) -> Interactions:
        """All interactions, oldest first; read once.

        Raises:
            ArtifactError: the file is missing or damaged.
        """
        return Interactions.from_table(self.load_interactions(), self.manifest.source.order)

    def user_ids(self) -> set[str]:
        """Ids of all users with an interaction.

        Raises:
            ArtifactError: the file is missing or damaged.
        """
        return set(self._read("interactions", columns=["user_id"])["user_id"].unique().to_pylist())

    def load_rejects(self) -> pa.Table:
        """The rejected rows: source, row, field, value, reason.

        Raises:
            ArtifactError: the file is missing or damaged.
        """
        return self._read("rejects")

    def _read(
        self,
        name: str,
        schema: pa.Schema | None = None,
        n_first: int | None = None,
        columns: list[str] | None = None,
    ) -> pa.Table:
        path = self.path / f"{name}.parquet"
        try:
            table = pq.read_table(path, columns=columns) if n_first is None else _first_rows(path, n_first)
        except (pa.ArrowException, OSError) as error:
            raise ArtifactError(
                f"The table {name} of snapshot {self.id} cannot be read: {error}.",
                where=str(path),
                hint="Restore it from a backup; item indexes must not be lost.",
            ) from error
        if name == "books":
            table = _with_added_lists(table)
        if schema is not None and table.column_names != schema.names:
            raise ArtifactError(f"The table {name} of snapshot {self.id} has unexpected columns.", where=str(path))
        return table


def _with_added_lists(books: pa.Table) -> pa.Table:
    """The table with the columns that a snapshot of an earlier version lacks, as empty lists."""
    for column in _ADDED_LISTS:
        if column not in books.column_names:
            empty = pa.array([[]] * len(books), pa.list_(pa.string()))
            books = books.add_column(books.num_columns - 1, column, empty)
    return books


def _first_rows(path: Path, n: int) -> pa.Table:
    with pq.ParquetFile(path) as file:
        batches = []
        for batch in file.iter_batches(batch_size=min(n, _ROWS_PER_BATCH) or 1) if n else ():
            batches.append(batch.slice(0, n))
            n -= len(batches[-1])
            if not n:
                break
        return pa.Table.from_batches(batches, schema=file.schema_arrow)


def current_snapshot(folder: DataFolder) -> Snapshot | None:
    """The newest snapshot, or `None` before the first ingest.

    Raises:
        ArtifactError: the snapshot named by `current` is missing or cannot be read.
    """
    pointer = folder.snapshots / "current"
    return open_snapshot(folder, pointer.read_text(encoding="utf-8").strip()) if pointer.exists() else None


def open_snapshot(folder: DataFolder, snapshot_id: str) -> Snapshot:
    """The snapshot with this id.

    Raises:
        ArtifactError: it is missing or cannot be read.
    """
    path = folder.snapshots / snapshot_id
    try:
        return Snapshot(path, SnapshotManifest.model_validate_json((path / "snapshot.json").read_bytes()))
    except (OSError, ValidationError) as error:
        raise ArtifactError(
            f"The snapshot {snapshot_id} cannot be read: {error}.",
            where=str(path),
            hint="Restore the folder, or write the id of another snapshot into snapshots/current.",
        ) from error


def write_snapshot(
    folder: DataFolder, books: pd.DataFrame, interactions: pd.DataFrame, rejects: pa.Table, metadata: SnapshotMetadata
) -> Snapshot:
    """Write a snapshot and make it the current one, atomically.

    Args:
        folder: the data folder; the caller holds its ingest lock.
        books: columns of `BOOKS_SCHEMA`, row i has item index i.
        interactions: columns of `INTERACTIONS_SCHEMA`, `user_id` and `kind` categorical, `event_id` categorical.
        rejects: the rejected rows.
        metadata: `snapshot.json` without `id` and `files`.
    """
    staging = folder.snapshots / ".staging"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    _write_table(staging / "books.parquet", BOOKS_SCHEMA, [_books_table(books)])
    _write_table(staging / "interactions.parquet", INTERACTIONS_SCHEMA, _interaction_tables(interactions))
    _write_table(staging / "rejects.parquet", rejects.schema, [rejects])
    files = {name: sha256_of(staging / f"{name}.parquet") for name in ("books", "interactions")}
    manifest = SnapshotManifest(id=content_id({**files, "source": metadata.source.name}), files=files, **dict(metadata))
    write_durably(staging / "snapshot.json", canonical_json(manifest.model_dump(mode="json")))
    path = folder.snapshots / manifest.id
    if all(
        (path / f"{name}.parquet").is_file() and sha256_of(path / f"{name}.parquet") == files[name] for name in files
    ):
        # The same tables from other inputs: only the metadata may differ.
        for name in ("rejects.parquet", "snapshot.json"):
            (staging / name).replace(path / name)
        fsync_folder(path)
        shutil.rmtree(staging)
    else:
        shutil.rmtree(path, ignore_errors=True)
        staging.rename(path)
    fsync_folder(folder.snapshots)
    write_durably(folder.snapshots / "current", f"{manifest.id}\n".encode())
    return Snapshot(path, manifest)


def _books_table(books: pd.DataFrame) -> pa.Table:
    columns = []
    for field in BOOKS_SCHEMA:
        values = books[field.name]
        if pa.types.is_integer(field.type) and values.dtype.kind == "f":
            values = values.astype("Int64")
        columns.append(pa.array(values, field.type, from_pandas=True))
    return pa.table(columns, schema=BOOKS_SCHEMA)


def _interaction_tables(interactions: pd.DataFrame) -> Iterator[pa.Table]:
    """Slices of the table: texts are decoded for one row group at a time."""
    columns: dict[str, pa.Array] = {}
    for field in INTERACTIONS_SCHEMA:
        values = interactions[field.name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            codes = pa.array(values.cat.codes.to_numpy(), mask=(values.cat.codes < 0).to_numpy())
            categories = pa.array(values.cat.categories.tolist(), pa.string())
            columns[field.name] = pa.DictionaryArray.from_arrays(codes, categories)
        else:
            columns[field.name] = pa.array(values, field.type, from_pandas=True)
    for start in range(0, len(interactions), ROWS_PER_GROUP):
        slices = {name: column.slice(start, ROWS_PER_GROUP) for name, column in columns.items()}
        yield pa.table(slices).cast(INTERACTIONS_SCHEMA)


def _write_table(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    with path.open("wb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table, row_group_size=ROWS_PER_GROUP)
        file.flush()
        os.fsync(file.fileno())
