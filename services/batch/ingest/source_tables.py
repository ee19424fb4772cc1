"""The books and interactions of a source, read from it or from the last snapshot."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from services.batch.ingest.event_log import EVENTS
from services.batch.ingest.interaction_table import UNKNOWN_BOOK, number_interactions, respelled
from services.batch.ingest.item_index import number_books
from services.batch.ingest.snapshot_manifest import GuessRecord, SourceCounts, SourceFindings, SourceMetadata
from services.batch.sources.interaction_rows import KIND_DTYPE
from services.batch.sources.order import Order, find_order
from services.batch.sources.source import best_joins, guesses_of, source_columns, source_id
from shared.errors import SourceError

if TYPE_CHECKING:
    from services.batch.ingest.snapshot import Snapshot
    from services.batch.runtime.progress import Progress
    from services.batch.sources.rejects import RejectLog
    from services.batch.sources.source import Source


MOST = 0.5
_TEXTS = ("authors", "genres", "description")


@dataclass(frozen=True, slots=True)
class SourceTables:
    """Books with item indexes, and the source's interactions without events."""

    books: pd.DataFrame
    interactions: pd.DataFrame
    metadata: SourceMetadata
    counts: SourceCounts
    findings: SourceFindings | None = None


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
        n_books_aside = rejects.n_set_aside
        books = rows.drop_duplicates("book_id", keep="last", ignore_index=True)
        numbered = number_books(previous.load_books() if previous else None, books)
    with progress.task(f"Reading the interactions of {source.name}"):
        # Only interactions with current books of this source are valid, so the same source gives the same
        # interactions in every installation.
        has_now = numbered[numbered["active"]]
        read = source.interactions(rejects)
        order = find_order(source.order, read, rejects)
        n_interactions_aside = rejects.n_set_aside - n_books_aside
        spellings = respelled(read, has_now)
        interactions = number_interactions(read, has_now, rejects, source.name, spellings)
        if not len(interactions) and (len(read) or n_interactions_aside):
            raise _nothing_usable("interaction", source, rejects)
    counts = SourceCounts(
        interactions=len(interactions),
        books=len(books),
        users=int(interactions["user_id"].nunique()),
        duplicate_books=len(rows) - len(books),
        rejected_by_reason=dict(rejects.counts),
    )
    n_without_book = len(read) - len(interactions)
    findings = SourceFindings(
        book_rows=len(rows) + n_books_aside,
        book_rows_set_aside=n_books_aside,
        books_without_text=_without_text(books) if set(source_columns(source)) & set(_TEXTS) else 0,
        interaction_rows=len(read) + n_interactions_aside,
        interactions_set_aside=n_interactions_aside,
        interactions_without_book=n_without_book,
        interactions_respelled=int(read["book_id"].isin(spellings.keys()).sum()) if spellings else 0,
        best_joins=best_joins(source) if n_without_book > MOST * len(read) else [],
        kept=dict(rejects.kept),
        guesses=[GuessRecord(**asdict(guess)) for guess in (*guesses_of(source), *rejects.guesses)],
    )
    return SourceTables(numbered, interactions, _metadata(source, order, fingerprint), counts, findings)


def _metadata(source: Source, order: Order, fingerprint: str) -> SourceMetadata:
    return SourceMetadata(
        kind=source.kind,
        name=source.name,
        fingerprint=fingerprint,
        rating_scale=source.rating_scale,
        order=order,
        simulated_readers=source.simulated_readers,
        id=source_id(source),
    )


def _without_text(books: pd.DataFrame) -> int:
    """Number of books known by their title only."""
    empty = [~books[column].map(bool).to_numpy(bool) for column in _TEXTS]
    return int(np.logical_and.reduce(empty).sum())


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
    manifest = previous.manifest
    return SourceTables(previous.load_books(), interactions, manifest.source, counts, manifest.findings)


def _nothing_usable(what: str, source: Source, rejects: RejectLog) -> SourceError:
    reasons = "; ".join(f"{reason} ({count:,})" for reason, count in rejects.counts.most_common(5))
    rejected = f"Rejected: {reasons}." if reasons else "Its table has no rows."
    joins = "; ".join(best_joins(source)) if UNKNOWN_BOOK in rejects.counts else ""
    return SourceError(
        f"{source.name} has no valid {what}. {rejected}{f' Best columns to join by: {joins}.' if joins else ''}",
        where=source.name,
        hint="Check the first rows of the file; docs/sources.md describes each column.",
    )
