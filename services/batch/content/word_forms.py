"""English word forms: plurals, similar words, and stop words."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

SHORTEST_WORD = 3  # letters
SHORTEST_STEM = 5  # length of the common prefix from which two words count as the same
_PLURALS = (("ies", "y"), ("ves", "f"), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"))

# Words common in all blurbs, in addition to the stop words of scikit-learn.
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
    """.split()  # noqa: SIM905 - a list of words is easier to read as text
)


def singular(word: str) -> str:
    """A key shared by an English word and its plural; not always a real word."""
    if len(word) < SHORTEST_WORD + 2:
        return word[:-1] if len(word) > SHORTEST_WORD and re.search(r"[^sui]s$", word) else word
    for ending, instead in _PLURALS:
        if word.endswith(ending):
            return word[: len(word) - len(ending)] + instead
    return word[:-1] if re.search(r"[^sui]s$", word) else word


def alike(one: str, other: str) -> bool:
    """Whether two terms are redundant in a name: they share a word or stem, or one abbreviates the other."""
    ones, others = plain_words(one), plain_words(other)
    return (
        any(_same_stem(a, b) for a in ones for b in others)
        or _short_for("".join(ones), others)
        or _short_for("".join(others), ones)
    )


def plain_words(term: str) -> list[str]:
    """The words of a term as keys; see `singular`."""
    return [singular(word) for word in re.split(r"[\s'\u2019&/-]+", term.lower()) if word]


def _same_stem(one: str, other: str) -> bool:
    n = max(SHORTEST_STEM, min(len(one), len(other)) - 2)
    return one == other or (len(one) >= n <= len(other) and one[:n] == other[:n])


def _short_for(short: str, words: list[str]) -> bool:
    """Whether `short` consists of prefixes of these two or more words in order: "scifi", "ya"."""
    if len(words) <= 1:
        return False
    ends = {0}
    for word in words:
        shared = {end: len(os.path.commonprefix((short[end:], word))) for end in ends}  # noqa: RUF071 - of letters
        ends = {end + n for end, longest in shared.items() for n in range(1, longest + 1)}
    return len(short) in ends


def distinct(terms: Iterable[str]) -> list[str]:
    """The terms in order, without those similar to an earlier one."""
    kept: list[str] = []
    for term in terms:
        if not any(alike(term, earlier) for earlier in kept):
            kept.append(term)
    return kept
