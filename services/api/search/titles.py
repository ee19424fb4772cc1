"""Finds books by typed text: an exact title, a title with errors, or a prefix.

`shared.title_keys` normalizes titles; `shared.work_id` groups editions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.api.search.initials import abbreviated
from services.api.search.title_prefixes import prefix_matches
from services.api.search.title_query import TitleQuery, read_query
from services.api.search.title_spans import explained_title, has_title
from services.api.search.title_table import OtherNames, build_title_table
from services.api.search.title_typos import MIN_LETTERS_OF_BEGINNING, typo_matches
from shared.books.isbn import isbn13
from shared.title_keys import parse_title
from shared.work_id import groups_of_parsed

_MIN_DIGITS_OF_ISBN, _MAX_LETTERS_OF_ISBN = 7, 40
_FAMOUS = 0.9  # popularity of a book whose abbreviation comes before books with that word


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
        also: what else finds each book; nothing if not given.
    """

    def __init__(
        self,
        titles: Sequence[str],
        authors: Sequence[Sequence[str]],
        n_ratings: NDArray[np.int64],
        active: NDArray[np.bool_],
        work_id: NDArray[np.int32] | None = None,
        also: OtherNames | None = None,
    ) -> None:
        parsed = [parse_title(title) for title in titles]
        self._work_id = groups_of_parsed(parsed, authors) if work_id is None else np.asarray(work_id)
        self._table = build_title_table(parsed, authors, also or OtherNames.none(len(parsed)), n_ratings, active)

    def resolve(self, text: str) -> Resolution | None:
        """The book with this title or ISBN; `None` if there is none, or if it is ambiguous.

        The whole title counts first (`title_key`), then the title up to a break: "Sapiens" finds "Sapiens: A Brief
        History of Humankind". A text with an unknown subtitle finds the book with the plain title, and one with words
        that only name its author, series or printing finds the book. Among books with the same title, it returns the
        most rated one; the others are its alternatives.
        """
        found = self._with_isbn(text) or self._titled(text) or self._named_in(text) or self._only_meaning(text)
        return Resolution(found[0], list(found[1:])) if found else None

    def _with_isbn(self, text: str) -> tuple[int, ...]:
        isbn = isbn13(text) if sum(map(str.isdigit, text[:_MAX_LETTERS_OF_ISBN])) >= _MIN_DIGITS_OF_ISBN else None
        return self._table.by_isbn.get(isbn, ()) if isbn else ()

    def _titled(self, text: str) -> tuple[int, ...]:
        parsed = parse_title(text)
        if not parsed.full:
            return ()
        return self._table.by_full.get(parsed.full) or self._table.by_head.get(parsed.full, ())

    def _named_in(self, text: str) -> tuple[int, ...]:
        """Books with the title in a text that has more words than it."""
        parsed = parse_title(text)
        for head in reversed(parsed.heads):
            found = self._table.by_full.get(head)
            if found is None:
                found = self._table.by_head.get(head, ())
                if len({self._table.full[number] for number in found}) != 1:
                    continue  # "Star Wars: …" may be any of them
            return found
        return explained_title(self._table, read_query(text, self._table.words).spoken.split())

    def _only_meaning(self, text: str) -> tuple[int, ...]:
        """The only work with its whole title in a text of several words, if the text means no other."""
        query = read_query(text, self._table.words)
        if len(query.words) < 2:  # noqa: PLR2004
            return ()
        found = self._one_per_work(typo_matches(self._table, query, unfinished=False), 2)
        return tuple(found) if len(found) == 1 and has_title(self._table, query.spoken.split(), found[0]) else ()

    def suggest(self, text: str, limit: int = 7) -> list[int]:
        """Books the text may mean, most likely first, one edition of each work; empty if none is similar."""
        query = read_query(text, self._table.words)
        if not query.words or limit <= 0:
            return []
        found = self._abbreviations(query, []) or typo_matches(self._table, query, unfinished=False)
        return self._one_per_work(found, limit)

    def search(self, text: str, limit: int = 10) -> list[int]:
        """Books for a search-as-you-type box, one edition of each work. What `resolve` finds is among them.

        The book with this ISBN alone. Otherwise first the well-known books that the text abbreviates, and the one it
        names with words to spare. Then the books in which every typed word is a prefix of a word, titles before
        authors, popular books first. Then, if there is room, the books the text may mean.
        """
        query = read_query(text, self._table.words)
        if limit <= 0:
            return []
        if with_isbn := self._with_isbn(text):
            return self._one_per_work(with_isbn, limit)
        titled = self._titled(text)
        named = titled or self._named_in(text)
        if not query.words:
            return self._one_per_work(named[:1], limit)
        typed = prefix_matches(self._table, query, limit)
        abbreviations = self._abbreviations(query, typed)
        found = self._one_per_work([*abbreviations, *(() if titled else named[:1]), *typed], limit)
        if len(found) < limit and not abbreviations and len(query.spoken) >= MIN_LETTERS_OF_BEGINNING:
            found = self._one_per_work([*found, *typo_matches(self._table, query, unfinished=True)], limit)
        if titled and not self._has_work(found, titled[0]):
            found = [*found[: limit - 1], titled[0]]
        return found

    def _abbreviations(self, query: TitleQuery, typed: list[int]) -> tuple[int, ...]:
        """The books that a text abbreviates, unless it is more likely the word that these books have."""
        found = abbreviated(query.spoken, self._table.by_initials)
        if not found or len(query.words) > 1:  # "hp 1" is a volume
            return found
        popularity = self._table.popularity
        if query.spoken in self._table.words:
            famous = popularity[found[0]] >= _FAMOUS and query.spoken not in self._table.by_full
            return found if famous else ()
        return found if not typed or popularity[found[0]] > popularity[typed[0]] else ()

    def _has_work(self, found: list[int], number: int) -> bool:
        return any(self._work_id[other] == self._work_id[number] for other in found)

    def _one_per_work(self, item_index: Iterable[int], limit: int) -> list[int]:
        of_work: dict[int, int] = {}
        for number in item_index:
            if len(of_work) >= limit:
                break
            of_work.setdefault(int(self._work_id[number]), number)
        return list(of_work.values())
