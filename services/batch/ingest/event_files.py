"""The Parquet files of stored events: written durably, merged as they grow in number, read in stream order.

A file `events/<first>-<last>.parquet` holds stream entries as reported, all text: `stream_id`, `event_id`, `user_id`,
`book_id`, `kind`, `value`, `time`. Small files are merged into larger ones, so that their number stays small. A merge
is written down first in `.merge.json`; after a crash, readers take either the merged file or the files it is made of,
and the next merge finishes it. Files are immutable.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock

from shared.errors import ArtifactError
from shared.layout import fsync_folder, write_durably

FIELDS = {
    "event_id": b"event", "user_id": b"user", "book_id": b"book", "kind": b"kind", "value": b"value", "time": b"time",
}  # fmt: skip
SCHEMA = pa.schema([(name, pa.string()) for name in ("stream_id", *FIELDS)])
_Found = TypeVar("_Found")
_MERGE = ".merge.json"
_FILES_OF_A_TIER = 8
_SMALLEST_TIER_BYTES = 4096
_LARGEST_TIER = 4  # of 16 MiB: no longer merged


@contextmanager
def event_lock(folder: Path) -> Iterator[None]:
    """Hold the event lock: one process at a time moves, merges or reads events."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        yield


def event_files(folder: Path) -> list[Path]:
    """All durable files, oldest first."""
    found = set(folder.glob("[0-9]*.parquet"))
    if merge := _read_merge(folder):
        merged, parts = merge
        found -= parts if merged in found else {merged}
    return sorted(found, key=span_of)


def span_of(path: Path) -> tuple[int, ...]:
    """First and last stream id of a file, as milliseconds and sequence numbers."""
    return tuple(int(part) for part in path.stem.split("-"))


def place_of(stream_id: str) -> tuple[int, ...]:
    """A stream id as milliseconds and sequence number."""
    return tuple(int(part) for part in stream_id.split("-"))


def n_stored(folder: Path) -> int:
    """Number of stored events.

    Raises:
        ArtifactError: a file is damaged.
    """
    return sum(_opened(path, lambda path: pq.read_metadata(path).num_rows) for path in event_files(folder))


def read_file(path: Path, columns: list[str] | None = None) -> pa.Table:
    """One file, or some of its columns.

    Raises:
        ArtifactError: it is damaged.
    """
    return _opened(path, lambda path: pq.read_table(path, schema=SCHEMA, columns=columns))


def write_file(folder: Path, table: pa.Table) -> Path:
    """Write events, in stream order, durably into a new file.

    Raises:
        ArtifactError: there is a file with that name.
    """
    path = folder / f"{table['stream_id'][0]}-{table['stream_id'][-1]}.parquet"
    if path.exists():
        raise ArtifactError(f"{path.name} already exists with other events.", where=str(path), hint="Move it away.")
    temporary = folder / f".{path.name}"
    with temporary.open("wb") as file:
        pq.write_table(table, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    fsync_folder(folder)
    return path


def merge_files(folder: Path) -> None:
    """Finish an interrupted merge. Then merge the newest files, while there are too many of one size.

    Raises:
        ArtifactError: a file is damaged.
    """
    _finish(folder)
    while parts := _to_merge(event_files(folder)):
        table = in_stream_order(pa.concat_tables([read_file(path) for path in parts]))
        merged = folder / f"{table['stream_id'][0]}-{table['stream_id'][-1]}.parquet"
        if merged in parts:  # one file spans the others
            return
        merge = {"merged": merged.name, "parts": [path.name for path in parts]}
        write_durably(folder / _MERGE, json.dumps(merge).encode())
        write_file(folder, table)
        _finish(folder)


def in_stream_order(events: pa.Table) -> pa.Table:
    """The events by stream id."""
    parts = pc.list_flatten(pc.split_pattern(events["stream_id"], "-"))
    places = pc.cast(parts, pa.int64()).to_numpy().reshape(-1, 2)
    return events.take(pa.array(np.lexsort((places[:, 1], places[:, 0]))))


def _to_merge(files: list[Path]) -> list[Path]:
    """The newest files up to one size, if there are enough of that size; files grow eightfold with each tier."""
    tiers = [_tier(path) for path in files]
    for tier in range(_LARGEST_TIER):
        start = next((place for place in range(len(files), 0, -1) if tiers[place - 1] > tier), 0)
        if tiers[start:].count(tier) >= _FILES_OF_A_TIER:
            return files[start:]
    return []


def _tier(path: Path) -> int:
    return max(0, math.ceil(math.log(max(1, path.stat().st_size) / _SMALLEST_TIER_BYTES, _FILES_OF_A_TIER)))


def _finish(folder: Path) -> None:
    """Remove the parts of a merge that is written, or forget a merge that is not."""
    if merge := _read_merge(folder):
        merged, parts = merge
        if merged.exists():
            for part in parts:
                part.unlink(missing_ok=True)
            fsync_folder(folder)
        (folder / _MERGE).unlink()
        fsync_folder(folder)


def _read_merge(folder: Path) -> tuple[Path, set[Path]] | None:
    """The file that a merge makes, and its parts."""
    try:
        merge = json.loads((folder / _MERGE).read_bytes())
    except FileNotFoundError:
        return None
    return folder / merge["merged"], {folder / name for name in merge["parts"]}


def _opened(path: Path, read: Callable[[Path], _Found]) -> _Found:
    try:
        return read(path)
    except (pa.ArrowException, OSError) as error:
        raise ArtifactError(f"The event file {path.name} is damaged: {error}.", where=str(path)) from error
