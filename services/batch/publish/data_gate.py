"""The gate's first question: is the data of this night what was meant?

Counts are those that the source gave: events do not hide what it lost. Without anything to compare with, a night must
make sense by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from shared.artifacts.generation import GateVerdict

if TYPE_CHECKING:
    from services.batch.ingest.snapshot import Snapshot
    from services.batch.ingest.snapshot_manifest import SnapshotManifest
    from shared.artifacts.generation import GenerationManifest
    from shared.settings import Settings

COUNTED = ("books", "users", "interactions")
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class DataCounts:
    """Numbers of books, users and interactions; `of_source`: without events."""

    books: int
    users: int
    interactions: int
    of_source: bool


def judge_data(snapshot: Snapshot, served: GenerationManifest | None, settings: Settings) -> GateVerdict | None:
    """Look for data that was not meant.

    Args:
        snapshot: of this night.
        served: the generation served now.
        settings: the identity of the source, and the allowed loss.

    Returns:
        The verdict against this night; `None` if its data gives no reason for one.
    """
    if served is None or is_first_of_real_readers(snapshot, served):
        return _first(snapshot.manifest)
    now, before = source_identity(snapshot, settings), served.source_id
    if now is not None and before is not None and now != before:
        reason = f"This night has the source {now!r}, the served generation {before!r}; they cannot be compared."
        return GateVerdict(verdict="no-comparison", metric="source", reason=reason)
    return _lost(*comparable_counts(snapshot, served), settings.gate.max_loss)


def source_identity(snapshot: Snapshot, settings: Settings) -> str | None:
    """The identity of the source: the setting, or what its `nightshelf.toml` says; never the name of a folder.

    `None`: nobody gave it one; then it is what was served before.
    """
    return settings.source_id or snapshot.manifest.source.id


def is_first_of_real_readers(snapshot: Snapshot, served: GenerationManifest) -> bool:
    """Whether real readers follow simulated ones, as after the demo: the two have nothing in common."""
    return served.simulated_readers and not snapshot.manifest.source.simulated_readers


def comparable_counts(snapshot: Snapshot, served: GenerationManifest) -> tuple[DataCounts, DataCounts]:
    """The counts of this night and of the served generation, both without events.

    A generation of an earlier version only knows its counts with events; then both include them.
    """
    given, totals, before = snapshot.manifest.source_counts, snapshot.manifest.counts, served.counts
    if given.books is None or given.users is None or "source_interactions" not in before:
        return (
            DataCounts(totals.active_books, totals.users, totals.interactions, of_source=False),
            DataCounts(before["books"], before["users"], before["interactions"], of_source=False),
        )
    return (
        DataCounts(given.books, given.users, given.interactions, of_source=True),
        DataCounts(before["source_books"], before["source_users"], before["source_interactions"], of_source=True),
    )


def _lost(now: DataCounts, before: DataCounts, max_loss: float) -> GateVerdict | None:
    """The verdict on lost data; its metric and values are those of the first count, its reason names all."""
    counts = {what: (int(getattr(now, what)), int(getattr(before, what))) for what in COUNTED}
    lost = {what: pair for what, pair in counts.items() if pair[0] < pair[1] * (1 - max_loss)}
    if not lost:
        return None
    told = " and ".join(
        f"{n_before - n_now:,} of {n_before:,} {what} ({1 - n_now / n_before:.0%})"
        for what, (n_now, n_before) in lost.items()
    )
    reason = f"{told} are gone since the served generation; {max_loss:.0%} may be."
    metric, (value, served_value) = next(iter(lost.items()))
    return GateVerdict(verdict="worse", metric=metric, reason=reason, value=value, served_value=served_value)


def _first(manifest: SnapshotManifest) -> GateVerdict | None:
    """The verdict on a first night most of whose rows are of no use."""
    found = manifest.findings
    if found is None:
        return None
    n_valid = found.interaction_rows - found.interactions_set_aside
    reasons = ", ".join(list(manifest.source_counts.rejected_by_reason)[:3])
    joins = f" The best columns to join by are {' and '.join(found.best_joins)}." if found.best_joins else ""
    faults: list[tuple[Literal["books", "interactions", "unknown_books", "texts"], int, int, str]] = [
        ("books", found.book_rows_set_aside, found.book_rows, f"rows of books were set aside: {reasons}."),
        (
            "interactions",
            found.interactions_set_aside,
            found.interaction_rows,
            f"rows of interactions were set aside: {reasons}.",
        ),
        ("unknown_books", found.interactions_without_book, n_valid, f"interactions find no book.{joins}"),
        (
            "texts",
            found.books_without_text,
            found.book_rows - found.book_rows_set_aside,
            "books have no author, genre or description, although the source has a column for one.",
        ),
    ]
    for metric, n_faulty, n_all, what in faults:
        if n_faulty > n_all * _MOST:
            reason = f"{n_faulty:,} of {n_all:,} {what}"
            return GateVerdict(verdict="worse", metric=metric, reason=reason, value=n_faulty)
    return None
