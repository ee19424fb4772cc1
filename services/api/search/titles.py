"""Finds books by typed text: an exact title, a title with errors, or a prefix.

`shared.title_keys` normalizes titles; `shared.work_id` groups editions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.api.search.title_prefixes import prefix_matches
from services.api.search.title_query import read_query
from services.api.search.title_table import build_title_table
from services.api.search.title_typos import MIN_LETTERS_OF_BEGINNING, typo_matches
from shared.title_keys import ParsedTitle, parse_title
from shared.work_id import groups_of_parsed


@dataclass(frozen=True, slots=True)
class Resolution:
    """The book with a title, and the other books with the same title, most rated first."""

    number: int
    alternatives: list[int]


class TitleIndex:
    """Finds books by typed text. Built once per generation, immutable, safe to share between threads.

    It finds only active books. It accepts any text; only the first 200 characters count.

    Args:
        titles: by item index.
        authors: the authors of each book, the main one first; may be empty.
        n_ratings: int64, (n_books,); among equal matches, the most rated comes first.
        active: bool, (n_books,).
        work_id: int32, (n_books,), equal for all editions of a work; search and suggestions show one of them. Computed
            from titles and authors if not given.
        series: the series of each book and its place in it, as in `"Discworld 4"`; may be empty. Its words count in
            searches and suggestions, not in `resolve`.
    """

    def __init__(
        self,
        titles: Sequence[str],
        authors: Sequence[Sequence[str]],
        n_ratings: NDArray[np.int64],
        active: NDArray[np.bool_],
        work_id: NDArray[np.int32] | None = None,
        series: Sequence[str] | None = None,
    ) -> None:
        parsed = [parse_title(title) for title in titles]
        self._work_id = groups_of_parsed(parsed, authors) if work_id is None else np.asarray(work_id)
        self._table = build_title_table(parsed, authors, series or [""] * len(parsed), n_ratings, active)

    def resolve(self, text: str) -> Resolution | None:
        """The book with this title; `None` if there is none, or if it is ambiguous.

        The whole title counts first (`title_key`), then the title up to a break: "Sapiens" finds "Sapiens: A Brief
        History of Humankind". A text with an unknown subtitle finds the book with the plain title. Among books with the
        same title, it returns the most rated one; the others are its alternatives.
        """
        parsed = parse_title(text)
        if not parsed.full:
            return None
        found = self._table.by_full.get(parsed.full) or self._table.by_head.get(parsed.full)
        if found is None:
            found = self._with_other_subtitle(parsed)
        return None if found is None else Resolution(found[0], list(found[1:]))

    def _with_other_subtitle(self, parsed: ParsedTitle) -> tuple[int, ...] | None:
        for head in reversed(parsed.heads):
            found = self._table.by_full.get(head)
            if found is None:
                found = self._table.by_head.get(head, ())
                if len({self._table.full[number] for number in found}) != 1:
                    continue  # "Star Wars: …" may be any of them
            return found
        return None

    def suggest(self, text: str, limit: int = 7) -> list[int]:
        """Books the text may mean, most likely first, one edition of each work; empty if none is similar."""
        query = read_query(text, self._table.words)
        if not query.words or limit <= 0:
            return []
        return self._one_per_work(typo_matches(self._table, query, unfinished=False), limit)

    def search(self, text: str, limit: int = 10) -> list[int]:
        """Books for a search-as-you-type box, one edition of each work.

        First the books in which every typed word is a prefix of a word, titles before authors, popular books first.
        Then, if there is room, the books the text may mean.
        """
        query = read_query(text, self._table.words)
        if not query.words or limit <= 0:
            return []
        found = self._one_per_work(prefix_matches(self._table, query, limit), limit)
        if len(found) < limit and len(query.spoken) >= MIN_LETTERS_OF_BEGINNING:
            found = self._one_per_work([*found, *typo_matches(self._table, query, unfinished=True)], limit)
        return found

    def _one_per_work(self, item_index: Iterable[int], limit: int) -> list[int]:
        of_work: dict[int, int] = {}
        for number in item_index:
            if len(of_work) >= limit:
                break
            of_work.setdefault(int(self._work_id[number]), number)
        return list(of_work.values())
