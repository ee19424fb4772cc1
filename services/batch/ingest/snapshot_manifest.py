"""`snapshot.json`: metadata and inputs of a snapshot. Files of earlier versions are accepted."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from services.batch.sources.order import Order
from shared.deprecated import source_now


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SourceMetadata(_Record):
    """The properties of a source, see `services.batch.sources.source.Source`.

    `order` is the declared or found one; `id` is the identity for the quality gate; `None`: nobody gave it one.
    """

    kind: str
    name: str
    fingerprint: str
    rating_scale: str
    order: Order
    simulated_readers: bool
    id: str | None = None

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
    """Numbers of rows of the source, without events. An earlier version counted neither books nor users."""

    interactions: int
    books: int | None = None
    users: int | None = None
    duplicate_books: int
    rejected_by_reason: dict[str, int]


class GuessRecord(_Record):
    """A guess about the source, see `services.batch.sources.guesses.Guess`."""

    what: str
    value: str
    setting: str


class SourceFindings(_Record):
    """What reading the source met.

    Attributes:
        book_rows: rows of the books that were read, with those set aside.
        book_rows_set_aside: of them, without a valid id or title.
        books_without_text: books without author, genre and description, although the source has such a column.
        interaction_rows: rows of the interactions that were read, with those set aside.
        interactions_set_aside: of them, not valid.
        interactions_without_book: of them, valid but with a book that the source does not have.
        interactions_respelled: of them, joined although the id is spelled differently.
        best_joins: the best columns to join by, in words, if most interactions find no book.
        kept: rows kept with a remark.
        guesses: what was guessed.
    """

    book_rows: int
    book_rows_set_aside: int
    books_without_text: int
    interaction_rows: int
    interactions_set_aside: int
    interactions_without_book: int
    interactions_respelled: int
    best_joins: list[str] = []
    kept: dict[str, int] = {}
    guesses: list[GuessRecord] = []


class SnapshotMetadata(_Record):
    """Metadata of the tables of an ingest.

    Attributes:
        source: the source of the tables.
        events_through: the last stream id among the interactions, `None` without events.
        counts: numbers of rows.
        rejected_by_reason: numbers of rejected rows.
        inputs: for the next ingest, to detect changes.
        source_counts: for the next ingest, to add events without reading the source.
        findings: what reading the source met; `None` in a snapshot of an earlier version.
    """

    source: SourceMetadata
    events_through: str | None
    counts: SnapshotCounts
    rejected_by_reason: dict[str, int]
    inputs: SnapshotInputs
    source_counts: SourceCounts
    findings: SourceFindings | None = None


class SnapshotManifest(SnapshotMetadata):
    """`snapshot.json`.

    Attributes:
        id: a hash of `files` and the source's name.
        files: SHA-256 of the tables `books` and `interactions`.
    """

    id: str
    files: dict[str, str]
