"""`snapshot.json`: metadata and inputs of a snapshot. Files of earlier versions are accepted."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from services.batch.sources.order import Order
from shared.deprecated import source_now


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SourceMetadata(_Record):
    """The properties of a source, see `services.batch.sources.source.Source`; `order` is the declared or found one."""

    kind: str
    name: str
    fingerprint: str
    rating_scale: str
    order: Order
    simulated_readers: bool

    @model_validator(mode="before")
    @classmethod
    def _under_current_names(cls, raw: Any) -> Any:
        return source_now(raw) if isinstance(raw, dict) else raw


class SnapshotCounts(_Record):
    """Numbers of rows in the snapshot's tables, rejected rows, and replaced duplicates."""

    books: int
    active_books: int
    users: int
    interactions: int
    rejected: int
    duplicates: int


class SnapshotInputs(_Record):
    """The inputs of the snapshot: equal if nothing has changed."""

    format: int
    kind: str
    name: str
    fingerprint: str
    event_files: int


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
