"""Event storage: moves the Redis stream into durable Parquet files, each event once, and reads interactions from them.

A file `events/<first>-<last>.parquet` holds stream entries as reported, all text: `stream_id`,
`event_id`, `user_id`, `book_id`, `kind`, `value`, `time`. The stream is trimmed only after the file and its name are on
disk. After a crash, entries that are already stored are recognized by event id, so no event is lost or counted twice.
The same rule drops an event that was reported twice. Files are immutable.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from redis.exceptions import RedisError

from services.batch.sources.interaction_rows import InteractionFormat, clean_interactions
from shared.errors import ArtifactError, StoreUnavailableError
from shared.layout import fsync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd
    from redis import Redis

    from services.batch.runtime.progress import Advance
    from services.batch.sources.rejects import RejectLog

EVENTS = "events"
ENTRIES_PER_PAGE = 5_000
ENTRIES_PER_FILE = 500_000
_FIELDS = {
    "event_id": b"event", "user_id": b"user", "book_id": b"book", "kind": b"kind", "value": b"value", "time": b"time",
}  # fmt: skip
_SCHEMA = pa.schema([(name, pa.string()) for name in ("stream_id", *_FIELDS)])
_FORM = InteractionFormat(EVENTS, {name: name for name in ("user_id", "book_id", "kind", "value", "time")})

Entry = tuple[bytes, dict[bytes, bytes]]


def take_events(
    folder: Path,
    client: Redis,
    stream: str,
    advance: Advance = lambda _n: None,
    *,
    entries_per_page: int = ENTRIES_PER_PAGE,
    entries_per_file: int = ENTRIES_PER_FILE,
) -> int:
    """Move the entries of the stream into files; returns the number of new events.

    Args:
        folder: the folder of the files.
        client: a batch connection to Redis, replies as bytes.
        stream: the stream's key.
        advance: called with the number of entries read.
        entries_per_page: entries per Redis reply.
        entries_per_file: entries held in memory and written to one file.

    Raises:
        StoreUnavailableError: Redis did not answer. Files already written stay; run again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".*.parquet"):
        leftover.unlink()
    n_new = 0
    try:
        newest = cast("list[Entry]", client.xrevrange(stream, "+", "-", 1))
        while newest and (entries := _read(client, stream, newest[0][0], entries_per_page, entries_per_file)):
            n_new += _store(folder, entries)
            client.xtrim(stream, minid=_after(entries[-1][0]), approximate=False)
            advance(len(entries))
    except RedisError as error:
        raise StoreUnavailableError(
            f"The event stream cannot be read: {error}.", where=stream, hint="Is Redis up? Run ingest again."
        ) from error
    return n_new


def event_files(folder: Path) -> list[Path]:
    """All durable files, oldest first."""
    return sorted(folder.glob("[0-9]*.parquet"), key=_span)


def last_stream_id(folder: Path) -> str | None:
    """The newest stored stream id, or `None`."""
    spans = [_span(path) for path in event_files(folder)]
    return "{}-{}".format(*max(span[2:] for span in spans)) if spans else None


def events_after(folder: Path, stream_id: str | None) -> Iterator[dict[bytes, bytes]]:
    """Stored events reported after this one, oldest first, with their fields in the stream.

    Args:
        folder: the folder of the files.
        stream_id: of the last event to skip; `None` for all events.

    Raises:
        ArtifactError: a file is damaged.
    """
    last = _place(stream_id) if stream_id else (-1, -1)
    for path in event_files(folder):
        if _span(path)[2:] > last:
            for row in _read_file(path).to_pylist():
                if _place(row["stream_id"]) > last:
                    yield {field: row[name].encode() for name, field in _FIELDS.items()}


def load_events(folder: Path, rejects: RejectLog) -> pd.DataFrame:
    """All valid stored events, in stream order.

    Args:
        folder: the folder of the files.
        rejects: receives invalid events, as rows of `events`; row 1 is the first stored event.

    Returns:
        The columns of `clean_interactions`, and `event_id`, str.

    Raises:
        ArtifactError: a file is damaged.
    """
    table = pa.concat_tables([_SCHEMA.empty_table(), *(_read_file(path) for path in event_files(folder))])
    batch = table.append_column("row", pa.array(range(1, table.num_rows + 1), pa.int64()))
    frame = clean_interactions([batch] if table.num_rows else [], _FORM, rejects)
    event_ids = table["event_id"].combine_chunks()
    frame["event_id"] = event_ids.take(pa.array(frame["row"].to_numpy() - 1)).to_pylist()
    return frame


def _read(client: Redis, stream: str, newest: bytes, entries_per_page: int, entries_per_file: int) -> list[Entry]:
    """The oldest entries of the stream, up to `newest` and at most one file."""
    entries: list[Entry] = []
    start = "-"
    while len(entries) < entries_per_file:
        page = cast("list[Entry]", client.xrange(stream, start, newest, entries_per_page))
        if not page:
            break
        entries.extend(page)
        start = f"({page[-1][0].decode()}"
    return entries


def _store(folder: Path, entries: list[Entry]) -> int:
    """Write the entries with new event ids durably into a new file; returns their number."""
    columns: dict[str, list[str]] = {"stream_id": [stream_id.decode() for stream_id, _ in entries]}
    for name, field in _FIELDS.items():
        columns[name] = [fields.get(field, b"").decode("utf-8", "replace") for _, fields in entries]
    # Each entry without an event id counts once.
    pairs = zip(columns["event_id"], columns["stream_id"], strict=True)
    columns["event_id"] = [event_id or f"stream:{stream_id}" for event_id, stream_id in pairs]
    table = pa.table(columns, schema=_SCHEMA)
    first_of_its_id = {event_id: i for i, event_id in reversed(list(enumerate(columns["event_id"])))}
    table = table.take(pa.array(sorted(first_of_its_id.values())))
    ids = [_read_file(path, ["event_id"]) for path in event_files(folder)]
    known = pa.concat_tables([_SCHEMA.empty_table().select(["event_id"]), *ids])["event_id"]
    table = table.filter(pc.invert(pc.is_in(table["event_id"], value_set=known)))
    if table.num_rows:
        _write_file(folder, table)
    return int(table.num_rows)


def _write_file(folder: Path, table: pa.Table) -> None:
    name = f"{table['stream_id'][0]}-{table['stream_id'][-1]}.parquet"
    path, temporary = folder / name, folder / f".{name}"
    if path.exists():
        raise ArtifactError(f"{name} already exists with other events.", where=str(path), hint="Move it away.")
    with temporary.open("wb") as file:
        pq.write_table(table, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    fsync_folder(folder)


def _read_file(path: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        return pq.read_table(path, schema=_SCHEMA, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise ArtifactError(f"The event file {path.name} is damaged: {error}.", where=str(path)) from error


def _span(path: Path) -> tuple[int, ...]:
    """First and last stream id of a file, as milliseconds and sequence numbers."""
    return tuple(int(part) for part in path.stem.split("-"))


def _place(stream_id: str) -> tuple[int, ...]:
    """A stream id as milliseconds and sequence number."""
    return tuple(int(part) for part in stream_id.split("-"))


def _after(stream_id: bytes) -> str:
    """The smallest id above a stream id."""
    milliseconds, sequence = _place(stream_id.decode())
    return f"{milliseconds}-{sequence + 1}"
