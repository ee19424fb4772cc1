"""Ingest: makes a snapshot of indexed books, deduplicated interactions and rejected rows from a source and events.

A second ingest of the same source and events returns the existing snapshot without parsing. Without a source, the
source's tables come from the last snapshot, and only events are added.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from filelock import FileLock

from services.batch.ingest.event_files import event_lock, n_stored
from services.batch.ingest.event_log import EVENTS, StoredEvents, clean_events, read_events, take_events
from services.batch.ingest.interaction_table import join, latest, number_interactions
from services.batch.ingest.snapshot import Snapshot, current_snapshot, write_snapshot
from services.batch.ingest.snapshot_manifest import SnapshotCounts, SnapshotInputs, SnapshotMetadata, SourceFindings
from services.batch.ingest.source_tables import SourceTables, read_source, reuse_source
from services.batch.sources.rejects import RejectLog
from shared.errors import SourceError
from shared.run_log import Fact

if TYPE_CHECKING:
    from services.batch.runtime.context import RunContext
    from services.batch.sources.source import Source
    from shared.layout import DataFolder

INGEST_FORMAT = 2


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The result of an ingest.

    `n_duplicates` counts books and interactions replaced by a later one with the same key, `n_events` the events that
    this run took from the stream. `changed` tells whether the snapshot differs from the previous one. `findings` is
    `None` if the source was read by an earlier version.
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
    findings: SourceFindings | None

    @property
    def facts(self) -> dict[str, Fact]:
        """The counts, for the run log."""
        return {
            "books": self.n_active_books,
            "users": self.n_users,
            "interactions": self.n_interactions,
            "rejected": self.n_rejected,
            "events": self.n_events,
        }


def store_events(context: RunContext) -> int:
    """Move the events from Redis into files; returns the number of new events. The next ingest adds them.

    Raises:
        StoreUnavailableError: Redis did not answer, or the run has no connection.
        ArtifactError: an event file is damaged.
    """
    with event_lock(context.folder.events):
        return _take_events(context)


@contextmanager
def ingest_lock(folder: DataFolder) -> Iterator[None]:
    """Hold the ingest lock: one process at a time writes a snapshot. Storing events does not wait for it."""
    folder.snapshots.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.snapshots / ".lock"):
        yield


def ingest(context: RunContext, source: Source | None, *, fresh: bool = False) -> IngestReport:
    """Update the snapshot. Ingests of one data folder wait for each other.

    Args:
        context: of the run; events stay in Redis if it has no client.
        source: the source of books and interactions; `None` for those of the last snapshot.
        fresh: read the source even if it is unchanged.

    Raises:
        SourceError: there is no source and no snapshot, or the source has no valid book, or only invalid interactions.
        StoreUnavailableError: Redis did not answer.
        ArtifactError: the last snapshot or an event file is damaged.
    """
    folder, progress = context.folder, context.progress
    with ingest_lock(folder):
        with event_lock(folder.events):
            n_events = 0 if context.client is None else _take_events(context)
        previous = current_snapshot(folder)
        inputs = _inputs(context, source, previous)
        if not fresh and previous is not None and previous.manifest.inputs == inputs:
            return _report(previous, n_events=n_events, changed=False)
        with event_lock(folder.events):
            stored = read_events(folder.events)
        inputs = inputs.model_copy(update={"stored_events": stored.table.num_rows})
        rejects = RejectLog()
        if source is None:
            tables = reuse_source(previous, rejects)
        else:
            tables = read_source(source, inputs.fingerprint, previous, rejects, progress)
        with progress.task("Writing the snapshot"):
            events = number_interactions(clean_events(stored, rejects), tables.books, rejects, EVENTS)
            interactions = latest(join(tables.interactions, events), len(tables.books))
            metadata = _metadata(stored, tables, interactions, inputs, rejects, n_events=len(events))
            snapshot = write_snapshot(folder, tables.books, interactions, rejects.table(), metadata)
        return _report(snapshot, n_events=n_events, changed=previous is None or previous.id != snapshot.id)


def _take_events(context: RunContext) -> int:
    with context.progress.task("Storing events") as advance:
        return take_events(context.folder.events, context.redis, context.keys.events, advance)


def _inputs(context: RunContext, source: Source | None, previous: Snapshot | None) -> SnapshotInputs:
    """The inputs of a snapshot, as hashes: equal if nothing has changed."""
    folder = context.folder
    with event_lock(folder.events):
        n_events = n_stored(folder.events)
    if source is None:
        if previous is None:
            raise SourceError(
                "There is nothing to ingest: no source was given, and there is no snapshot.",
                where=str(folder.root),
                hint="Pass --source FOLDER, or run `nightshelf demo`.",
            )
        return previous.manifest.inputs.model_copy(update={"stored_events": n_events})
    with context.progress.task(f"Looking for changes in {source.name}"):
        fingerprint = source.fingerprint()
    return SnapshotInputs(
        format=INGEST_FORMAT,
        kind=source.kind,
        name=source.name,
        fingerprint=fingerprint,
        stored_events=n_events,
    )


def _metadata(
    stored: StoredEvents,
    tables: SourceTables,
    interactions: pd.DataFrame,
    inputs: SnapshotInputs,
    rejects: RejectLog,
    *,
    n_events: int,
) -> SnapshotMetadata:
    n_replaced = tables.counts.interactions + n_events - len(interactions)
    return SnapshotMetadata(
        source=tables.metadata,
        events_through=stored.through,
        counts=SnapshotCounts(
            books=len(tables.books),
            active_books=int(tables.books["active"].sum()),
            users=int(interactions["user_id"].nunique()),
            interactions=len(interactions),
            rejected=rejects.total,
            duplicates=tables.counts.duplicate_books + n_replaced,
        ),
        rejected_by_reason=dict(rejects.counts.most_common()),
        inputs=inputs,
        source_counts=tables.counts,
        findings=tables.findings,
    )


def _report(snapshot: Snapshot, *, n_events: int, changed: bool) -> IngestReport:
    counts = snapshot.manifest.counts
    return IngestReport(
        snapshot_id=snapshot.id,
        n_books=counts.books,
        n_active_books=counts.active_books,
        n_users=counts.users,
        n_interactions=counts.interactions,
        n_rejected=counts.rejected,
        n_duplicates=counts.duplicates,
        n_events=n_events,
        rejected_by_reason=dict(snapshot.manifest.rejected_by_reason),
        changed=changed,
        findings=snapshot.manifest.findings,
    )
