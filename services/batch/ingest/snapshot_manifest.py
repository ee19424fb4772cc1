"""`snapshot.json`: metadata and inputs of a snapshot. Files of earlier versions are accepted."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SourceMetadata(_Record):
    """The properties of a source, see `services.batch.sources.source.Source`."""

    kind: str
    name: str
    fingerprint: str
    rating_scale: str
    has_clock_time: bool
    simulated_readers: bool


class SnapshotCounts(_Record):
    """Numbers of rows in the snapshot's tables, rejected rows, and replaced duplicates."""

    books: int
    active_books: int
    users: int
    interactions: int
    rejected: int
    duplicates: int


class SnapshotInputs(_Record):
    """The inputs of the snapshot: equal if nothing has changed. `stored_events` is 0 in files of earlier versions."""

    format: int
    kind: str
    name: str
    fingerprint: str
    stored_events: int = 0


class SourceCounts(_Record):
    """Numbers of rows of the source, without events."""

    interactions: int
    duplicate_books: int
    rejected_by_reason: dict[str, int]


class SnapshotMetadata(_Record):
    """Metadata of the tables of an ingest.

    Attributes:
        source: the source of the tables.
        events_through: the last stream id among the interactions, `None` without events.
        counts: numbers of rows.
        rejected_by_reason: numbers of rejected rows.
        inputs: for the next ingest, to detect changes.
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
