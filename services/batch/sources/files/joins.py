"""Finds out which id column of the books the interactions refer to: by how well the columns join."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from services.batch.sources.ids import clean_id, likely_key
from services.batch.sources.rejects import RejectLog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.batch.sources.files.tables import TableFile

ENOUGH_ROWS = 500_000
GOOD_SHARE = 0.5
"""Below this share, most interactions find no book."""
_SAME_SHARE = 0.02  # shares that differ by less say nothing: the names decide
_DISTINCT_SHARE = 0.5  # a column with fewer different values is no id of a book


@dataclass(frozen=True, slots=True)
class Join:
    """A column of the books and one of the interactions, and how well they join.

    Args:
        books: the column of the books.
        interactions: the column of the interactions.
        n_found: rows of interactions whose id is among the books'.
        n_rows: rows of interactions with an id.
        n_books: books that an interaction refers to.
        n_ids: different ids of the books.
    """

    books: str
    interactions: str
    n_found: int
    n_rows: int
    n_books: int
    n_ids: int

    @property
    def share(self) -> float:
        """The share of the interactions that find a book."""
        return self.n_found / self.n_rows if self.n_rows else 0.0

    def __str__(self) -> str:
        found = f"{self.n_found:,} of {self.n_rows:,}"
        return f"{self.interactions!r} of the interactions with {self.books!r} of the books ({found} find a book)"


def rank_joins(
    books: TableFile, books_columns: Iterable[str], interactions: TableFile, interactions_columns: Iterable[str]
) -> list[Join]:
    """All joins of these columns, the best first.

    The share of the interactions that find a book decides. If two shares are about the same, columns of one name come
    first, then the join that reaches more of the ids, then the order of the columns.

    Args:
        books: the table of the books.
        books_columns: its columns that may be the id, the usual one first. Columns that it lacks are left out.
        interactions: the table of the interactions; of a long one, the first `ENOUGH_ROWS` rows count.
        interactions_columns: its columns that may name the book, the usual one first.
    """
    found = _ids(books, books_columns)
    of_books = {column: set(counts) for column, counts in found.items() if _is_id(counts)} or {
        column: set(counts) for column, counts in found.items()
    }
    of_interactions = _ids(interactions, interactions_columns)
    joins = [
        Join(
            books_column,
            interactions_column,
            sum(n for text, n in counts.items() if text in ids),
            counts.total(),
            len(ids & counts.keys()),
            len(ids),
        )
        for interactions_column, counts in of_interactions.items()
        for books_column, ids in of_books.items()
    ]
    best = max((join.share for join in joins), default=0.0)

    def rank(join: Join) -> tuple[float, bool, float]:
        is_best = join.share >= best - _SAME_SHARE
        return (-best if is_best else -join.share, join.books != join.interactions, -join.n_books / max(join.n_ids, 1))

    return sorted(joins, key=rank)


def _ids(table: TableFile, columns: Iterable[str]) -> dict[str, Counter[str]]:
    """How often each id occurs in these columns, in one spelling; words for "none" left out."""
    names = [column for column in dict.fromkeys(columns) if column in table]
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    n_rows = 0
    for batch in table.batches({name: name for name in names}, RejectLog(max_details_per_reason=0)):
        for name in names:
            for found in pc.value_counts(batch[name]).to_pylist():
                text, reason = clean_id(found["values"])
                if reason is None:
                    counts[name][likely_key(text)] += found["counts"]
        n_rows += len(batch)
        if n_rows >= ENOUGH_ROWS:
            break
    return counts


def _is_id(counts: Counter[str]) -> bool:
    return len(counts) >= _DISTINCT_SHARE * counts.total()
