"""The catalog artifact, opened for serving: every book's record as JSON, memory-mapped.

Files: `records.bin` + `records.offsets.npy` (the book as the API shows it, a JSON object), `ids.json`, `titles.json`,
`authors.json` (lists by item index), `editions.npy` (int32, editions of one work share a value),
`active.npy` (bool; a book its source no longer has is kept, inactive), `same_series_author.numbers.npy` and
`same_series_author.scores.npy` (a table of `shared.recommend.neighbor_table`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from shared.errors import UnknownBookError
from shared.recommend.neighbor_table import NeighborTable, Rows, open_rows
from shared.recommend.same_series_author import NAME, same_series_author_rows


@dataclass(frozen=True, slots=True)
class Catalog:
    """All books by item index. Immutable; safe to share between threads."""

    ids: list[str]
    titles: list[str]
    authors: list[list[str]]
    work_id: NDArray[np.int32]
    active: NDArray[np.bool_]
    _item_index: dict[str, int]
    _records: NDArray[np.uint8]
    _record_offsets: NDArray[np.int64]
    _items: dict[int, tuple[orjson.Fragment, orjson.Fragment, orjson.Fragment]] = field(default_factory=dict)
    _explanations: dict[int, orjson.Fragment] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> Catalog:
        """Open a catalog artifact's folder."""
        ids: list[str] = orjson.loads((path / "ids.json").read_bytes())
        return cls(
            ids=ids,
            titles=orjson.loads((path / "titles.json").read_bytes()),
            authors=orjson.loads((path / "authors.json").read_bytes()),
            work_id=np.load(path / "editions.npy"),
            active=np.load(path / "active.npy"),
            _item_index={book_id: number for number, book_id in enumerate(ids)},
            _records=np.memmap(path / "records.bin", dtype=np.uint8, mode="r"),
            _record_offsets=np.load(path / "records.offsets.npy"),
        )

    @property
    def n_books(self) -> int:
        """Number of books, inactive ones included: the length of every array over books."""
        return len(self.ids)

    def item(self, number: int) -> tuple[orjson.Fragment, orjson.Fragment, orjson.Fragment]:
        """Id, title and authors as JSON values. Cached."""
        item = self._items.get(number)
        if item is None:
            values = self.ids[number], self.titles[number], self.authors[number]
            book_id, title, authors = (orjson.Fragment(orjson.dumps(value)) for value in values)
            item = self._items[number] = book_id, title, authors
        return item

    def explanation(self, number: int) -> orjson.Fragment:
        """`{"book_id":…,"title":…}` as JSON. Cached."""
        explanation = self._explanations.get(number)
        if explanation is None:
            members = {"book_id": self.ids[number], "title": self.titles[number]}
            explanation = self._explanations[number] = orjson.Fragment(orjson.dumps(members))
        return explanation

    def find(self, book_id: str) -> int | None:
        """The item index of an id, `None` if no active book has it."""
        number = self._item_index.get(book_id)
        return number if number is not None and self.active[number] else None

    def number_of(self, book_id: str) -> int:
        """The item index of an id.

        Raises:
            UnknownBookError: no active book has it.
        """
        number = self.find(book_id)
        if number is None:
            raise UnknownBookError(
                f"There is no book {book_id!r} in the served catalogue.",
                where="book_id",
                hint="Find ids with /api/books/search?q=…; a book added today is served after the next nightly run.",
            )
        return number

    def record(self, number: int) -> dict[str, Any]:
        """The book's record: book_id, title, authors, year, genres, series, series_position, description, image_url.

        And `isbns` (ISBN-13) and `other_titles`, which are empty in an artifact of an earlier version.
        """
        start, end = self._record_offsets[number : number + 2]
        record: dict[str, Any] = orjson.loads(self._records[start:end].tobytes())
        return {"isbns": [], "other_titles": []} | record


def open_same_series_author(path: Path, catalog: Catalog) -> NeighborTable:
    """The same-series-or-author table of a catalog artifact's folder.

    Raises:
        ArtifactError: its files do not belong together.
    """
    return NeighborTable(open_rows(path, NAME) or _rows_of_an_older_artifact(catalog), name=NAME)


def _rows_of_an_older_artifact(catalog: Catalog) -> Rows:
    """The rows, computed from the records of an older artifact."""
    records = [catalog.record(number) for number in range(catalog.n_books)]
    return same_series_author_rows(
        [record["series"] for record in records],
        [record["series_position"] for record in records],
        catalog.authors,
        catalog.active,
        catalog.work_id,
    )
