"""Which books belong to one series. Many series share a name, so the name alone does not say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.title_keys import author_keys, title_key

NO_SERIES = -1
_MIN_WRITERS_OF_SHARED_SERIES = 3


def series_groups(
    series: Sequence[str | None], positions: NDArray[np.float64], authors: Sequence[Sequence[str]]
) -> NDArray[np.int32]:
    """The lowest item index of each book's series: int32, (n_books,), `NO_SERIES` for a book without one.

    Books are of one series if its name is the same and a chain of shared authors connects them. Two exceptions: books
    without a known author join the only series of the name; and volumes by at least three writers are one series if
    each position from 1 on occurs once, as in a series that several writers share.

    Args:
        series: the name of each book's series, `None` for none.
        positions: float64, (n_books,), each book's place in its series, NaN for none.
        authors: of each book.
    """
    by_name: dict[str, list[int]] = defaultdict(list)
    for book, name in enumerate(series):
        if name:
            by_name[title_key(name)].append(book)
    groups = np.full(len(series), NO_SERIES, np.int32)
    for books in by_name.values():
        for of_series in _of_one_name(books, positions, [author_keys(authors[book]) for book in books]):
            groups[of_series] = min(of_series)
    return groups


def is_same_series(name: str | None, other_name: str | None, authors: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two books have a series of one name, and share a writer unless none is known."""
    if not name or not other_name or title_key(name) != title_key(other_name):
        return False
    keys, other_keys = set(author_keys(authors)), set(author_keys(others))
    return not keys or not other_keys or not keys.isdisjoint(other_keys)


def _of_one_name(books: list[int], positions: NDArray[np.float64], keys: list[list[str]]) -> list[list[int]]:
    """The books of each series of one name."""
    parts: list[tuple[set[str], list[int]]] = []
    anonymous: list[int] = []
    for book, own in zip(books, keys, strict=True):
        if not own:
            anonymous.append(book)
            continue
        writers, joined = set(own), [book]
        apart = []
        for part in parts:
            if part[0].isdisjoint(writers):
                apart.append(part)
            else:
                writers |= part[0]
                joined = part[1] + joined
        parts = [*apart, (writers, joined)]
    found = [members for _, members in parts]
    if len(found) >= _MIN_WRITERS_OF_SHARED_SERIES and _is_unbroken(positions[[book for one in found for book in one]]):
        found = [[book for one in found for book in one]]
    if anonymous and len(found) == 1:
        return [found[0] + anonymous]
    return [*found, anonymous] if anonymous else found


def _is_unbroken(positions: NDArray[np.float64]) -> bool:
    """Whether the positions are 1, 2, 3, … , each once."""
    return np.array_equal(np.sort(positions), np.arange(1, len(positions) + 1))
