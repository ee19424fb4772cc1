"""The data of title searches: normalized titles and names, popularity, and the word index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from services.api.search.initials import books_by_initials
from services.api.search.spelling import with_digits
from services.api.search.title_words import WordIndex
from shared.title_keys import ParsedTitle, fold, name_words, parse_title, search_words

_MAX_ALTERNATIVES = 50


@dataclass(frozen=True, slots=True)
class OtherNames:
    """What finds a book besides title and authors, by item index.

    Attributes:
        series: the series of each book and its place in it, as in `"Discworld 4"`; may be empty. Its words count in
            searches and suggestions, not in `TitleIndex.resolve`.
        titles: other titles of each book, such as the original one.
        isbns: the ISBN-13s of each book.
    """

    series: Sequence[str]
    titles: Sequence[Sequence[str]]
    isbns: Sequence[Sequence[str]]

    @classmethod
    def none(cls, n_books: int) -> OtherNames:
        """No other names."""
        return cls([""] * n_books, [()] * n_books, [()] * n_books)


@dataclass(frozen=True, slots=True)
class TitleTable:
    """Titles and names by item index. Immutable, safe to share between threads.

    Attributes:
        full: key of each whole title.
        plain: key of each title without its subtitle.
        names: words of all authors' names.
        first_names: words of the first author's name.
        popularity: float32, (n_books,), log(1 + ratings) over its maximum, in [0, 1].
        by_full: active books by whole title, then by other title and by title with numbers in digits, most rated first.
        by_head: active books by the part of the title before a break, likewise.
        by_isbn: active books by ISBN-13.
        by_initials: well-known active books by the initials of their title or series.
        series: words of each book's series and its place in it.
        words: words of the active books' titles, series and authors.
    """

    full: list[str]
    plain: list[str]
    names: list[str]
    first_names: list[str]
    popularity: NDArray[np.float32]
    by_full: dict[str, tuple[int, ...]]
    by_head: dict[str, tuple[int, ...]]
    by_isbn: dict[str, tuple[int, ...]]
    by_initials: dict[str, tuple[int, ...]]
    series: list[str]
    words: WordIndex

    @property
    def n_books(self) -> int:
        """Number of books, inactive ones included."""
        return len(self.full)


def build_title_table(
    parsed: Sequence[ParsedTitle],
    authors: Sequence[Sequence[str]],
    also: OtherNames,
    n_ratings: NDArray[np.int64],
    active: NDArray[np.bool_],
) -> TitleTable:
    """Build the table; parameters are as in `TitleIndex`."""
    popularity = np.log1p(np.maximum(n_ratings, 0)).astype(np.float32)
    popularity /= max(float(popularity.max(initial=0.0)), 1.0)
    words_of = {name: name_words(name) for name in set(chain.from_iterable(authors))}
    names = [" ".join([words_of[name] for name in of_book]) for of_book in authors]
    order = np.flatnonzero(active)
    order = order[np.argsort(-np.asarray(n_ratings)[order], kind="stable")]
    others = {number: [parse_title(title) for title in also.titles[number]] for number in order.tolist()}
    series = [
        search_words(fold(" ".join((text, *title.series)))) for text, title in zip(also.series, parsed, strict=True)
    ]
    is_active = active.tolist()
    by_full, by_head = _by_title(parsed, others)
    return TitleTable(
        full=[title.full for title in parsed],
        plain=[title.plain for title in parsed],
        names=names,
        first_names=[words_of[of_book[0]] if of_book else "" for of_book in authors],
        popularity=popularity,
        by_full=by_full,
        by_head=by_head,
        by_isbn=_numbers_by_key((isbn, number) for number in others for isbn in also.isbns[number]),
        by_initials=books_by_initials(parsed, also.series, popularity, order),
        series=series,
        words=WordIndex(
            [
                " ".join([title.searchable, text, *(other.searchable for other in others[number])]) if served else ""
                for number, (title, text, served) in enumerate(zip(parsed, series, is_active, strict=True))
            ],
            [name if served else "" for name, served in zip(names, is_active, strict=True)],
        ),
    )


def _by_title(
    parsed: Sequence[ParsedTitle], others: Mapping[int, Sequence[ParsedTitle]]
) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Books by whole title and by the part before a break; own titles come before other titles and spellings."""
    titles = [
        *((parsed[number], number) for number in others),
        *((other, number) for number, of_book in others.items() for other in of_book),
    ]
    fulls = [(title.full, number) for title, number in titles]
    heads = [(head, number) for title, number in titles for head in title.heads]
    by_full, by_head = (
        _numbers_by_key([*pairs, *((with_digits(key), number) for key, number in pairs)]) for pairs in (fulls, heads)
    )
    return by_full, by_head


def _numbers_by_key(pairs: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    """Item indexes by key, in the order given, at most `_MAX_ALTERNATIVES` + 1 for each; `""` is not a key."""
    numbers_of: dict[str, tuple[int, ...]] = {}
    for key, number in pairs:
        others = numbers_of.get(key, ())
        if key and len(others) <= _MAX_ALTERNATIVES and number not in others:
            numbers_of[key] = (*others, number)
    return numbers_of
