"""English word forms: plurals, words that repeat each other, and words that say nothing about a book."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

SHORTEST_WORD = 3  # letters
SHORTEST_STEM = 5  # letters two words must share at their beginning to be taken for one
_PLURALS = (("ies", "y"), ("ves", "f"), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"))

# What blurbs say of any book, beside the stop words of scikit-learn.
STOP_WORDS = ENGLISH_STOP_WORDS | frozenset(
    """
    acclaimed adventure author award beautiful begin best bestseller bestselling big bring book called chapter character
    classic collection come day discover edition end entertaining epic explore face fan favorite feature fiction
    fictional finally find follow force gripping guide help high include including introduction journey kind know known
    later leave life little live long look make man master masterpiece mean modern new novel number old original page
    people place portrait power published publication reader reading real return reveal review say series set short
    story storytelling tale tell thing thriller time times title today true turn unforgettable version volume way winner
    winning woman men women wonderful word work world write writer writing written
    year years york young away ago just like really want need keep let learn hard good great better having
    doesn don isn won didn couldn wasn aren ll ve re isbn
    """.split()  # noqa: SIM905 - a list of words reads best as words
)


def singular(word: str) -> str:
    """A key that is the same for an English word and its plural; not always a word itself."""
    if len(word) < SHORTEST_WORD + 2:
        return word[:-1] if len(word) > SHORTEST_WORD and re.search(r"[^sui]s$", word) else word
    for ending, instead in _PLURALS:
        if word.endswith(ending):
            return word[: len(word) - len(ending)] + instead
    return word[:-1] if re.search(r"[^sui]s$", word) else word


def alike(one: str, other: str) -> bool:
    """Whether two terms would repeat each other in a name: a shared word or stem, or one short for the other."""
    ones, others = plain_words(one), plain_words(other)
    return (
        any(_same_stem(a, b) for a in ones for b in others)
        or _short_for("".join(ones), others)
        or _short_for("".join(others), ones)
    )


def plain_words(term: str) -> list[str]:
    """The words of a term as keys, see `singular`."""
    return [singular(word) for word in re.split(r"[\s'\u2019&/-]+", term.lower()) if word]


def _same_stem(one: str, other: str) -> bool:
    n = max(SHORTEST_STEM, min(len(one), len(other)) - 2)
    return one == other or (len(one) >= n <= len(other) and one[:n] == other[:n])


def _short_for(short: str, words: list[str]) -> bool:
    """Whether `short` is made of the beginnings of these two or more words, each in turn: "scifi", "ya"."""
    if len(words) <= 1:
        return False
    ends = {0}
    for word in words:
        shared = {end: len(os.path.commonprefix((short[end:], word))) for end in ends}  # noqa: RUF071 - of letters
        ends = {end + n for end, longest in shared.items() for n in range(1, longest + 1)}
    return len(short) in ends


def distinct(terms: Iterable[str]) -> list[str]:
    """Terms in their order, without those that repeat an earlier one."""
    kept: list[str] = []
    for term in terms:
        if not any(alike(term, earlier) for earlier in kept):
            kept.append(term)
    return kept
