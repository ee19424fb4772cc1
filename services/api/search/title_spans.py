"""Titles inside a longer text: "sapiens book" and "hamlet prince of denmark" name a book and add words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from services.api.search.spelling import PRINTING_WORDS, with_digits, without_letters_for_words
from services.api.search.title_table import TitleTable
from shared.title_keys import key_of_words

_MAX_WORDS = 16
_MAX_BOOKS = 10  # of one title
_PARTS = frozenset({"part", "pt", "season", "episode", "movie", "film"})  # a film of the third book may have two


def explained_title(table: TitleTable, words: list[str]) -> tuple[int, ...]:
    """Books with the longest title in these words whose other words are their author, series or printing.

    Most rated first; empty if there is none, or if it is only the beginning of several titles.
    """
    for key, rest in chain.from_iterable(map(_spans, _spellings(words))):
        found = table.by_full.get(key, ())
        if not found:
            found = table.by_head.get(key, ())
            if len({table.full[number] for number in found}) != 1:
                continue  # "Star Wars" may be any of them
        explained = tuple(number for number in found if _explains(table, number, rest))
        if explained:
            return explained
    return ()


def has_title(table: TitleTable, words: list[str], number: int) -> bool:
    """Whether these words have the whole title of this book in them."""
    return number in titles_within(table, words, lambda _word: 1.0)


def titles_within(table: TitleTable, words: list[str], weight_of: Callable[[str], float]) -> dict[int, float]:
    """Books whose whole title is in these words, and the share of the words that it covers.

    Args:
        table: the titles.
        words: the words typed, in order.
        weight_of: what a word counts.
    """
    shares: dict[int, float] = {}
    for spelled in _spellings(words):
        weights = {word: weight_of(word) for word in spelled}
        total = sum(weights[word] for word in spelled)
        for key, rest in _spans(spelled):
            found = table.by_full.get(key) or table.by_head.get(key)
            if found and rest:
                share = 1 - sum(weights[word] for word in rest) / total
                shares.update((number, max(share, shares.get(number, 0.0))) for number in found[:_MAX_BOOKS])
    return shares


def _spans(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Runs of the words as title keys, longest first, and the other words; printing words alone are no title."""
    only_printing = PRINTING_WORDS.issuperset(words)
    for n_words in range(len(words), 0, -1):
        for start in range(len(words) - n_words + 1):
            span = words[start : start + n_words]
            if only_printing or not PRINTING_WORDS.issuperset(span):
                yield key_of_words(" ".join(span)), [*words[:start], *words[start + n_words :]]


def _spellings(words: list[str]) -> list[list[str]]:
    """The words as typed, with numbers in digits, and with words for letters."""
    typed = " ".join(words[:_MAX_WORDS])
    spelled = dict.fromkeys((typed, with_digits(typed), with_digits(without_letters_for_words(typed))))
    return [text.split() for text in spelled]


def _explains(table: TitleTable, number: int, rest: list[str]) -> bool:
    """Whether these words belong to the book's author, series or printing."""
    known = {*table.names[number].split(), *table.series[number].split()}
    before = ""
    for word in rest:
        is_part = word.isdecimal() and (before in _PARTS or (before in PRINTING_WORDS and not table.series[number]))
        if word not in known and word not in PRINTING_WORDS and not is_part:
            return False
        before = word
    return True
