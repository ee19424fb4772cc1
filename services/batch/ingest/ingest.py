"""A source and the reported events -> a snapshot: numbered books, deduplicated interactions, and what was set aside.

A second ingest of the same source and events returns the snapshot there is without parsing anything. Without a source,
the tables of the last one are taken from the snapshot it was ingested into, and only events are added.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from filelock import FileLock

from services.batch.ingest.event_log import EVENTS, event_files, last_stream_id, load_events, take_events
from services.batch.ingest.item_index import number_books
from services.batch.ingest.snapshot import Snapshot, current_snapshot, write_snapshot
from services.batch.sources.interaction_rows import KIND_DTYPE, KINDS
from services.batch.sources.rejects import RejectLog
from shared.errors import SourceError
from shared.keys import Keys
from shared.run_log import Fact

if TYPE_CHECKING:
    from redis import Redis

    from services.batch.runtime.progress import Progress
    from services.batch.sources.source import Source
    from shared.layout import DataFolder
    from shared.settings import Settings

INGEST_FORMAT = 1
UNKNOWN_BOOK = "unknown book"
_COLUMNS = ["user_id", "book_number", "kind", "value", "time", "event_id"]


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did.

    `n_duplicates` counts books and interactions that a later one of the same key replaced, `n_events` events that were
    taken from the stream in this run, `changed` whether the snapshot is another one than before.
    """

    snapshot_id: str
    n_books: int
    n_active_books: int
    n_users: int
    n_interactions: int
    n_rejected: int
    n_duplicates: int
    n_events: int
    rejected_by_reason: dict[str, int]
    changed: bool

    @property
    def facts(self) -> dict[str, Fact]:
        """The counts, for the account of the run."""
        return {
            "books": self.n_active_books,
            "users": self.n_users,
            "interactions": self.n_interactions,
            "rejected": self.n_rejected,
            "events": self.n_events,
        }


@dataclass(frozen=True, slots=True)
class _SourceTables:
    """Books, numbered, and interactions of the source alone, before events; and what is told of them."""

    books: pd.DataFrame
    interactions: pd.DataFrame
    facts: dict[str, Any]
    counts: dict[str, Any]


def store_events(folder: DataFolder, settings: Settings, redis: Redis, progress: Progress) -> int:
    """Make the events that wait in Redis durable; returns how many were new. They count from the next ingest on.

    Raises:
        StoreUnavailableError: Redis did not answer.
        ArtifactError: an event file is damaged.
    """
    with ingest_lock(folder):
        return _take_events(folder, settings, redis, progress)


@contextmanager
def ingest_lock(folder: DataFolder) -> Iterator[None]:
    """Keep ingests of this folder, and whatever moves events out of the stream, away."""
    folder.snapshots.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.snapshots / ".lock"):
        yield


def _take_events(folder: DataFolder, settings: Settings, redis: Redis, progress: Progress) -> int:
    with progress.task("Storing events") as advance:
        return take_events(folder.events, redis, Keys(settings.redis_prefix).events, advance)


def ingest(
    folder: DataFolder,
    source: Source | None,
    settings: Settings,
    *,
    redis: Redis | None,
    progress: Progress,
    fresh: bool = False,
) -> IngestReport:
    """Bring the snapshot up to date.

    Args:
        folder: the data folder. Ingests of one folder wait for each other.
        source: where books and interactions come from; `None` for those of the last snapshot.
        settings: for the prefix of Redis keys.
        redis: where reported events wait; `None` leaves them there.
        progress: told how far it is.
        fresh: read the source although nothing seems to have changed.

    Raises:
        SourceError: there is no source and no snapshot, or the source has no usable book or interaction.
        StoreUnavailableError: Redis did not answer while events were taken.
        ArtifactError: the last snapshot or an event file is damaged.
    """
    with ingest_lock(folder):
        n_events = 0 if redis is None else _take_events(folder, settings, redis, progress)
        previous = current_snapshot(folder)
        inputs = _inputs(folder, source, previous, progress)
        if not fresh and previous is not None and previous.meta["inputs"] == inputs:
            return _report(previous, n_events=n_events, changed=False)
        rejects = RejectLog()
        if source is None:
            tables = _reuse_source(previous, rejects)
        else:
            tables = _read_source(source, inputs["fingerprint"], previous, rejects, progress)
        counts = {**tables.counts, "rejected_by_reason": dict(rejects.counts)}
        with progress.task("Writing the snapshot"):
            events = _number_interactions(load_events(folder.events, rejects), tables.books, rejects, EVENTS)
            interactions = _latest(_join(tables.interactions, events), len(tables.books))
            n_replaced = counts["interactions"] + len(events) - len(interactions)
            snapshot = write_snapshot(
                folder,
                tables.books,
                interactions,
                rejects.table(),
                {
                    "source": tables.facts,
                    "events_through": last_stream_id(folder.events),
                    "counts": {
                        "books": len(tables.books),
                        "active_books": int(tables.books["active"].sum()),
                        "users": int(interactions["user_id"].nunique()),
                        "interactions": len(interactions),
                        "rejected": rejects.total,
                        "duplicates": counts["duplicate_books"] + n_replaced,
                    },
                    "rejected_by_reason": dict(rejects.counts.most_common()),
                    "inputs": inputs,
                    "source_counts": counts,
                },
            )
        return _report(snapshot, n_events=n_events, changed=previous is None or previous.id != snapshot.id)


def _inputs(folder: DataFolder, source: Source | None, previous: Snapshot | None, progress: Progress) -> dict[str, Any]:
    """Everything a snapshot is made from, in brief: equal when nothing has changed."""
    n_event_files = len(event_files(folder.events)) if folder.events.exists() else 0
    if source is None:
        if previous is None:
            raise SourceError(
                "There is nothing to ingest from: no source was given, and none was before.",
                where=str(folder.root),
                hint="Pass --source FOLDER, or run `nightshelf demo`.",
            )
        return {**previous.meta["inputs"], "event_files": n_event_files}
    with progress.task(f"Looking for changes in {source.name}"):
        fingerprint = source.fingerprint()
    return {
        "format": INGEST_FORMAT,
        "kind": source.kind,
        "name": source.name,
        "fingerprint": fingerprint,
        "event_files": n_event_files,
    }


def _read_source(
    source: Source, fingerprint: str, previous: Snapshot | None, rejects: RejectLog, progress: Progress
) -> _SourceTables:
    with progress.task(f"Reading the books of {source.name}"):
        rows = source.books(rejects)
        if not len(rows):
            raise _nothing_usable("book", source, rejects)
        books = rows.drop_duplicates("book_id", keep="last", ignore_index=True)
        numbered = number_books(previous.load_books() if previous else None, books)
    with progress.task(f"Reading the interactions of {source.name}"):
        # An interaction must be with a book that this source has now, whatever was known before: the same source
        # gives the same interactions in any installation.
        has_now = numbered[numbered["active"]]
        interactions = _number_interactions(source.interactions(rejects), has_now, rejects, source.name)
        if not len(interactions):
            raise _nothing_usable("interaction", source, rejects)
    facts = {
        "kind": source.kind,
        "name": source.name,
        "fingerprint": fingerprint,
        "rating_scale": source.rating_scale,
        "has_clock_time": source.has_clock_time,
        "simulated_readers": source.simulated_readers,
    }
    counts = {"interactions": len(interactions), "duplicate_books": len(rows) - len(books)}
    return _SourceTables(numbered, interactions, facts, counts)


def _reuse_source(previous: Snapshot | None, rejects: RejectLog) -> _SourceTables:
    """The source's tables out of the last snapshot.

    A row that an event replaced is not among them; it is not missed, for the event replaces it again.
    """
    if previous is None:
        raise SourceError("There is no snapshot to add events to.")
    details = previous.load_rejects()
    of_source = np.array([name != EVENTS for name in details["source"].to_pylist()], dtype=bool)
    counts = previous.meta["source_counts"]
    rejects.take_over(details.filter(of_source), counts["rejected_by_reason"])
    interactions = previous.load_interactions()
    interactions["kind"] = interactions["kind"].astype(KIND_DTYPE)
    interactions = interactions[interactions["event_id"].isna()]
    return _SourceTables(previous.load_books(), interactions, previous.meta["source"], counts)


def _number_interactions(
    interactions: pd.DataFrame, books: pd.DataFrame, rejects: RejectLog, source_name: str
) -> pd.DataFrame:
    """Replace book ids by book numbers; those of books not in `books` are rejected.

    Returns:
        `user_id` and `kind` categorical, `book_number` int32, `value`, `time`, and `event_id` categorical (missing
        where the frame has none).
    """
    if not np.isfinite(interactions["time"].to_numpy(dtype=np.float64)).all():
        raise SourceError("An interaction has no time.", where=source_name)
    ids = interactions["book_id"].astype("category").cat
    places = pd.Index(books["book_id"], dtype=object).get_indexer(ids.categories.astype(object))
    # The appended -1 is found by the code -1 of a missing id, and by every id without a place.
    numbers = np.append(np.append(books["book_number"].to_numpy(), -1)[places], -1)[ids.codes.to_numpy()]
    unknown = np.flatnonzero(numbers < 0)
    if len(unknown):
        lost = interactions.iloc[unknown]
        rows = lost["row"].to_numpy(dtype=np.int64) if "row" in lost else unknown + 1
        files = lost["file"].astype(object) if "file" in lost else pd.Series(source_name, index=lost.index)
        for file in files.unique():
            of_file = (files == file).to_numpy()
            rejects.add_many(str(file), rows[of_file], "book_id", lost["book_id"][of_file].tolist(), UNKNOWN_BOOK)
    known = numbers >= 0
    no_event_ids = pd.Series(index=interactions.index, dtype=pd.CategoricalDtype([]))
    columns = {
        "user_id": interactions["user_id"].astype("category"),
        "book_number": numbers.astype(np.int32),
        "kind": interactions["kind"].astype(KIND_DTYPE),
        "value": interactions["value"].astype(np.float64),
        "time": interactions["time"].astype(np.float64),
        "event_id": interactions["event_id"].astype("category") if "event_id" in interactions else no_event_ids,
    }
    return pd.DataFrame(columns, index=interactions.index)[known].reset_index(drop=True)


def _join(interactions: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """The source's interactions, then the events, in one frame."""
    if not len(events):
        return interactions
    users = pd.api.types.union_categoricals([interactions["user_id"], events["user_id"]]).categories
    event_ids = events["event_id"].cat.categories
    frames = [
        frame.assign(
            user_id=frame["user_id"].cat.set_categories(users), event_id=frame["event_id"].cat.set_categories(event_ids)
        )
        for frame in (interactions, events)
    ]
    return pd.concat(frames, ignore_index=True)


def _latest(interactions: pd.DataFrame, n_books: int) -> pd.DataFrame:
    """Sorted by time, rows of one time in the order they came; of each user, book and kind only the last."""
    times = interactions["time"].to_numpy()
    if (np.diff(times) < 0).any():
        interactions = interactions.take(np.argsort(times, kind="stable"))
    keys = interactions["user_id"].cat.codes.to_numpy().astype(np.int64) * n_books
    keys += interactions["book_number"].to_numpy()
    keys *= len(KINDS)
    keys += interactions["kind"].cat.codes.to_numpy()
    return interactions[~pd.Series(keys).duplicated(keep="last").to_numpy()][_COLUMNS].reset_index(drop=True)


def _nothing_usable(what: str, source: Source, rejects: RejectLog) -> SourceError:
    reasons = "; ".join(f"{reason} ({count:,})" for reason, count in rejects.counts.most_common(5))
    return SourceError(
        f"{source.name} has no usable {what}. {f'Rejected: {reasons}.' if reasons else 'Its table has no rows.'}",
        where=source.name,
        hint="Look at the first rows of the file; docs/sources.md says what each column must hold.",
    )


def _report(snapshot: Snapshot, *, n_events: int, changed: bool) -> IngestReport:
    counts = snapshot.meta["counts"]
    return IngestReport(
        snapshot_id=snapshot.id,
        n_books=counts["books"],
        n_active_books=counts["active_books"],
        n_users=counts["users"],
        n_interactions=counts["interactions"],
        n_rejected=counts["rejected"],
        n_duplicates=counts["duplicates"],
        n_events=n_events,
        rejected_by_reason=dict(snapshot.meta["rejected_by_reason"]),
        changed=changed,
    )
