"""`snapshot.json`: what a snapshot is and what it was made from. Files of earlier versions are read as well."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SourceMetadata(_Record):
    """The source, as `services.batch.sources.source.Source` describes itself."""

    kind: str
    name: str
    fingerprint: str
    rating_scale: str
    has_clock_time: bool
    simulated_readers: bool


class SnapshotCounts(_Record):
    """Rows of the snapshot's tables, rows that were rejected, and rows that a later one replaced."""

    books: int
    active_books: int
    users: int
    interactions: int
    rejected: int
    duplicates: int


class SnapshotInputs(_Record):
    """What the snapshot was made from: equal when nothing has changed."""

    format: int
    kind: str
    name: str
    fingerprint: str
    event_files: int


class SourceCounts(_Record):
    """Rows of the source alone, without events."""

    interactions: int
    duplicate_books: int
    rejected_by_reason: dict[str, int]


class SnapshotMetadata(_Record):
    """What an ingest says of its tables.

    Attributes:
        source: where the tables come from.
        events_through: the last stream id among the interactions, `None` if no event is.
        counts: rows.
        rejected_by_reason: rejected rows.
        inputs: for the next ingest, to see whether anything has changed.
        source_counts: for the next ingest, to add events without reading the source.
    """

    source: SourceMetadata
    events_through: str | None
    counts: SnapshotCounts
    rejected_by_reason: dict[str, int]
    inputs: SnapshotInputs
    source_counts: SourceCounts


class SnapshotManifest(SnapshotMetadata):
    """`snapshot.json`.

    Attributes:
        id: a hash of `files` and the source's name.
        files: SHA-256 of the tables `books` and `interactions`.
    """

    id: str
    files: dict[str, str]
