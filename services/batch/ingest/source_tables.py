"""The books and interactions of a source, read from it or from the last snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from services.batch.ingest.event_log import EVENTS
from services.batch.ingest.interaction_table import number_interactions
from services.batch.ingest.item_index import number_books
from services.batch.ingest.snapshot_manifest import SourceCounts, SourceMetadata
from services.batch.sources.interaction_rows import KIND_DTYPE
from services.batch.sources.order import find_order
from shared.errors import SourceError

if TYPE_CHECKING:
    from services.batch.ingest.snapshot import Snapshot
    from services.batch.runtime.progress import Progress
    from services.batch.sources.rejects import RejectLog
    from services.batch.sources.source import Source


@dataclass(frozen=True, slots=True)
class SourceTables:
    """Books with item indexes, and the source's interactions without events."""

    books: pd.DataFrame
    interactions: pd.DataFrame
    metadata: SourceMetadata
    counts: SourceCounts


def read_source(
    source: Source, fingerprint: str, previous: Snapshot | None, rejects: RejectLog, progress: Progress
) -> SourceTables:
    """Read a source; known books keep their item indexes.

    Raises:
        SourceError: there is no valid book, or there are interactions and none is valid.
    """
    with progress.task(f"Reading the books of {source.name}"):
        rows = source.books(rejects)
        if not len(rows):
            raise _nothing_usable("book", source, rejects)
        books = rows.drop_duplicates("book_id", keep="last", ignore_index=True)
        numbered = number_books(previous.load_books() if previous else None, books)
    with progress.task(f"Reading the interactions of {source.name}"):
        # Only interactions with current books of this source are valid, so the same source gives the same
        # interactions in every installation.
        has_now = numbered[numbered["active"]]
        n_rejected = rejects.total
        found = source.interactions(rejects)
        order = find_order(source.order, found, rejects)
        interactions = number_interactions(found, has_now, rejects, source.name)
        if not len(interactions) and rejects.total > n_rejected:
            raise _nothing_usable("interaction", source, rejects)
    metadata = SourceMetadata(
        kind=source.kind,
        name=source.name,
        fingerprint=fingerprint,
        rating_scale=source.rating_scale,
        order=order,
        simulated_readers=source.simulated_readers,
    )
    counts = SourceCounts(
        interactions=len(interactions),
        duplicate_books=len(rows) - len(books),
        rejected_by_reason=dict(rejects.counts),
    )
    return SourceTables(numbered, interactions, metadata, counts)


def reuse_source(previous: Snapshot | None, rejects: RejectLog) -> SourceTables:
    """The source's tables from the last snapshot.

    Rows replaced by an event are missing; the event replaces them again.

    Raises:
        SourceError: there is no snapshot.
    """
    if previous is None:
        raise SourceError("There is no snapshot to add events to.")
    details = previous.load_rejects()
    of_source = np.array([name != EVENTS for name in details["source"].to_pylist()], dtype=bool)
    counts = previous.manifest.source_counts
    rejects.take_over(details.filter(of_source), counts.rejected_by_reason)
    interactions = previous.load_interactions()
    interactions["kind"] = interactions["kind"].astype(KIND_DTYPE)
    interactions = interactions[interactions["event_id"].isna()]
    return SourceTables(previous.load_books(), interactions, previous.manifest.source, counts)


def _nothing_usable(what: str, source: Source, rejects: RejectLog) -> SourceError:
    reasons = "; ".join(f"{reason} ({count:,})" for reason, count in rejects.counts.most_common(5))
    return SourceError(
        f"{source.name} has no valid {what}. {f'Rejected: {reasons}.' if reasons else 'Its table has no rows.'}",
        where=source.name,
        hint="Check the first rows of the file; docs/sources.md describes each column.",
    )
