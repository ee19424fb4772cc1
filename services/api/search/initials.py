"""Abbreviations: "lotr" for a well-known title or series, by its initials, and "hp 1" for a volume."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from shared.title_keys import ParsedTitle, fold, title_key, words_of

_WELL_KNOWN = 0.7  # of the popularity of the most rated book
_MIN_WORDS_OF_TITLE = 3
_MIN_WORDS_OF_SERIES = 2
_ABBREVIATION = re.compile(r"([a-z]{2,8}) ?([0-9]{1,2})?")
_MIN_LETTERS = 3  # without a volume: two letters begin too many words
_VOLUME = re.compile(r"(.*?)(?: book| vol| volume)? ([0-9]{1,3})")


def books_by_initials(
    parsed: Sequence[ParsedTitle], series: Sequence[str], popularity: NDArray[np.float32], order: NDArray[np.int64]
) -> dict[str, tuple[int, ...]]:
    """Well-known books by the initials of their title, and of their series by volume; with and without an article.

    `"lotr"` has the books called so, then the volumes in order, prequels last; `"lotr 2"` the second volume.

    Args:
        parsed: each book's title.
        series: each book's series and its place in it, as in `"Discworld 4"`.
        popularity: float32, (n_books,), in [0, 1].
        order: the books that may be found, most rated first.
    """
    titles: dict[str, list[int]] = defaultdict(list)
    volumes: dict[str, dict[int, int]] = defaultdict(dict)
    for number in order.tolist():
        if popularity[number] < _WELL_KNOWN or popularity[number] == 0:
            break
        title = parsed[number]
        for initials in _initials(title.plain, _article(title.searchable), _MIN_WORDS_OF_TITLE):
            titles[initials].append(number)
        for name, position in _volumes(title, series[number]).items():
            for initials in _initials(title_key(name), _article(name), _MIN_WORDS_OF_SERIES):
                volumes[initials].setdefault(position, number)
    found = {initials: tuple(numbers) for initials, numbers in titles.items()}
    for initials, of_series in volumes.items():
        in_order = [of_series[position] for position in sorted(of_series, key=lambda place: (place < 1, place))]
        found[initials] = tuple(dict.fromkeys([*found.get(initials, ()), *in_order]))
        found.update({f"{initials} {position}": (number,) for position, number in of_series.items()})
    return found


def abbreviated(words: str, by_initials: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The well-known books that these words abbreviate."""
    match = _ABBREVIATION.fullmatch(words)
    if match is None or (match[2] is None and len(match[1]) < _MIN_LETTERS):
        return ()
    return by_initials.get(match[1] if match[2] is None else f"{match[1]} {int(match[2])}", ())


def _article(text: str) -> str:
    """The first letter of the article that a text begins with; empty for none."""
    return text[0] if text.startswith(("the ", "a ", "an ")) else ""


def _initials(key: str, article: str, min_words: int) -> set[str]:
    """The initials of a key, also with the article that a key lacks."""
    words = key.split()
    if len(words) < min_words or not key.isascii():
        return set()
    initials = "".join(word[0] for word in words)
    return {initials, article + initials}


def _volumes(title: ParsedTitle, series: str) -> dict[str, int]:
    """Whole positions by series name, from the catalogue and from the title."""
    suffixes = [series, *chain.from_iterable(inside.split(";") for inside in title.series)]
    found = (_VOLUME.fullmatch(words_of(fold(suffix))) for suffix in suffixes)
    return {volume[1]: int(volume[2]) for volume in found if volume}
