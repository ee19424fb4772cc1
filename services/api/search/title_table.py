"""The data of title searches: normalized titles and names, popularity, and the word index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from services.api.search.title_words import WordIndex
from shared.title_keys import ParsedTitle, fold, name_words, search_words

_MAX_ALTERNATIVES = 50


@dataclass(frozen=True, slots=True)
class TitleTable:
    """Titles and names by item index. Immutable, safe to share between threads.

    Attributes:
        full: key of each whole title.
        plain: key of each title without its subtitle.
        names: words of all authors' names.
        first_names: words of the first author's name.
        popularity: float32, (n_books,), log(1 + ratings) over its maximum, in [0, 1].
        by_full: active books by whole title, most rated first.
        by_head: active books by the part of the title before a break, most rated first.
        words: words of the active books' titles and authors.
    """

    full: list[str]
    plain: list[str]
    names: list[str]
    first_names: list[str]
    popularity: NDArray[np.float32]
    by_full: dict[str, tuple[int, ...]]
    by_head: dict[str, tuple[int, ...]]
    words: WordIndex

    @property
    def n_books(self) -> int:
        """Number of books, inactive ones included."""
        return len(self.full)


def build_title_table(
    parsed: Sequence[ParsedTitle],
    authors: Sequence[Sequence[str]],
    series: Sequence[str],
    n_ratings: NDArray[np.int64],
    active: NDArray[np.bool_],
) -> TitleTable:
    """Build the table; parameters are as in `TitleIndex`."""
    popularity = np.log1p(np.maximum(n_ratings, 0)).astype(np.float32)
    words_of = {name: name_words(name) for name in set(chain.from_iterable(authors))}
    names = [" ".join([words_of[name] for name in of_book]) for of_book in authors]
    order = np.flatnonzero(active)
    order = order[np.argsort(-np.asarray(n_ratings)[order], kind="stable")]
    is_active = active.tolist()
    return TitleTable(
        full=[title.full for title in parsed],
        plain=[title.plain for title in parsed],
        names=names,
        first_names=[words_of[of_book[0]] if of_book else "" for of_book in authors],
        popularity=popularity / max(float(popularity.max(initial=0.0)), 1.0),
        by_full=_numbers_by_key((parsed[number].full, number) for number in order.tolist()),
        by_head=_numbers_by_key((head, number) for number in order.tolist() for head in parsed[number].heads),
        words=WordIndex(
            [
                f"{title.searchable} {search_words(fold(text))}" if served else ""
                for title, text, served in zip(parsed, series, is_active, strict=True)
            ],
            [name if served else "" for name, served in zip(names, is_active, strict=True)],
        ),
    )


def _numbers_by_key(pairs: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    """Item indexes by key, in the order given, at most `_MAX_ALTERNATIVES` + 1 for each; `""` is not a key."""
    numbers_of: dict[str, tuple[int, ...]] = {}
    for key, number in pairs:
        others = numbers_of.get(key, ())
        if key and len(others) <= _MAX_ALTERNATIVES:
            numbers_of[key] = (*others, number)
    return numbers_of
