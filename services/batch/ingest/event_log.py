"""Event storage: moves the Redis stream into durable files, each event once, and reads interactions from them.

The stream is trimmed only after a file and its name are on disk. After a crash, entries that are already stored are
recognized by user and event id, so no event is lost or counted twice. Storing looks for them in the newest files only,
so that it costs the same however many events there are; reading drops the repeats that are left, which come from events
reported again long after. The caller holds the event lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from redis.exceptions import RedisError

from services.batch.ingest.event_files import (
    FIELDS,
    SCHEMA,
    event_files,
    in_stream_order,
    merge_files,
    place_of,
    read_file,
    span_of,
    write_file,
)
from services.batch.sources.interaction_rows import InteractionFormat, clean_interactions
from shared.errors import StoreUnavailableError
from shared.feedback import UNDO_EVENT_ID, UNDO_KIND

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
_CHECKED_FILES = 8  # newest files in which storing looks for repeats
_FORM = InteractionFormat(EVENTS, {name: name for name in ("user_id", "book_id", "kind", "value", "time")})

Entry = tuple[bytes, dict[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class StoredEvents:
    """All stored events as they were reported, in stream order.

    Attributes:
        table: see `services.batch.ingest.event_files`.
        through: the last stream id, `None` without events.
    """

    table: pa.Table
    through: str | None


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
        ArtifactError: a file is damaged.
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
    merge_files(folder)
    return n_new


def read_events(folder: Path) -> StoredEvents:
    """All stored events.

    Raises:
        ArtifactError: a file is damaged.
    """
    files = event_files(folder)
    if not files:
        return StoredEvents(SCHEMA.empty_table(), None)
    table = in_stream_order(pa.concat_tables([read_file(path) for path in files]))
    return StoredEvents(table, "{}-{}".format(*max(span_of(path)[2:] for path in files)))


def events_after(folder: Path, stream_id: str | None) -> Iterator[tuple[str, dict[bytes, bytes]]]:
    """Stored events reported after this one, oldest first: stream id, and fields as in the stream.

    Args:
        folder: the folder of the files.
        stream_id: of the last event to skip; `None` for all events.

    Raises:
        ArtifactError: a file is damaged.
    """
    last = place_of(stream_id) if stream_id else (-1, -1)
    for path in event_files(folder):
        if span_of(path)[2:] > last:
            for row in read_file(path).to_pylist():
                if place_of(row["stream_id"]) > last:
                    yield row["stream_id"], {field: row[name].encode() for name, field in FIELDS.items()}


def clean_events(stored: StoredEvents, rejects: RejectLog) -> pd.DataFrame:
    """All valid events in stream order, each id of a user once, without those that were taken back.

    Args:
        stored: the stored events.
        rejects: receives invalid events, as rows of `events`; row 1 is the first stored event.

    Returns:
        The columns of `clean_interactions`, and `event_id`, str.
    """
    table = stored.table.append_column("row", pa.array(range(1, stored.table.num_rows + 1), pa.int64()))
    table = table.take(_first_of_each_id(table))
    is_undo = pc.equal(table["kind"], UNDO_KIND)
    undone = pc.is_in(_undo_ids(table), value_set=_owned_ids(table.filter(is_undo)))
    batch = table.filter(pc.invert(pc.or_(is_undo, undone)))
    frame = clean_interactions([batch] if batch.num_rows else [], _FORM, rejects)
    event_ids = stored.table["event_id"].combine_chunks()
    frame["event_id"] = event_ids.take(pa.array(frame["row"].to_numpy() - 1)).to_pylist()
    return frame


def _owned_ids(events: pa.Table) -> pa.Array:
    """User and event id as one text: an id belongs to a user."""
    return pc.binary_join_element_wise(events["user_id"], events["event_id"], "\x1f").combine_chunks()


def _undo_ids(events: pa.Table) -> pa.Array:
    """The same of an event that takes this one back."""
    ids = pc.binary_join_element_wise(UNDO_EVENT_ID.removesuffix("{}"), events["event_id"], "")
    return pc.binary_join_element_wise(events["user_id"], ids, "\x1f").combine_chunks()


def _first_of_each_id(events: pa.Table) -> pa.Array:
    """The rows to keep, ascending."""
    rows = pa.array(np.arange(events.num_rows))
    first = pa.table({"id": _owned_ids(events), "row": rows}).group_by("id").aggregate([("row", "min")])["row_min"]
    return first.sort()


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
    for name, field in FIELDS.items():
        columns[name] = [fields.get(field, b"").decode("utf-8", "replace") for _, fields in entries]
    # Each entry without an event id counts once.
    pairs = zip(columns["event_id"], columns["stream_id"], strict=True)
    columns["event_id"] = [event_id or f"stream:{stream_id}" for event_id, stream_id in pairs]
    table = pa.table(columns, schema=SCHEMA)
    table = table.take(_first_of_each_id(table))
    known = [_owned_ids(read_file(path, ["user_id", "event_id"])) for path in _files_to_check(folder, entries)]
    table = table.filter(pc.invert(pc.is_in(_owned_ids(table), value_set=pa.concat_arrays([_NO_IDS, *known]))))
    if table.num_rows:
        write_file(folder, table)
    return int(table.num_rows)


_NO_IDS = pa.array([], pa.string())


def _files_to_check(folder: Path, entries: list[Entry]) -> list[Path]:
    """The newest files, and those that may hold these very entries: a process died before it trimmed the stream."""
    first, last = place_of(entries[0][0].decode()), place_of(entries[-1][0].decode())
    files = event_files(folder)
    overlapping = [path for path in files if span_of(path)[:2] <= last and span_of(path)[2:] >= first]
    return list(dict.fromkeys([*files[-_CHECKED_FILES:], *overlapping]))


def _after(stream_id: bytes) -> str:
    """The smallest id above a stream id."""
    milliseconds, sequence = place_of(stream_id.decode())
    return f"{milliseconds}-{sequence + 1}"
