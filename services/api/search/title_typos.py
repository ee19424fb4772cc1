"""Search with typing errors: books that have most of the typed words, or similar words."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from services.api.search.spelling import PRINTING_WEIGHT, PRINTING_WORDS, alternatives
from services.api.search.title_query import TitleQuery
from services.api.search.title_spans import titles_within
from services.api.search.title_table import TitleTable
from services.api.search.title_words import Meaning, WordIndex

MIN_LETTERS_OF_BEGINNING = 3
_ARTICLES = re.compile(r"\b(?:the|an?) ")
_MAX_SHORTLIST = 160  # books compared as whole strings
_MIN_LETTERS_TO_SPLIT = 5

# Value of a match other than an exact word of the title.
_IN_AUTHOR = 0.97
_BEGINNING = 0.88
_SHORT_BEGINNING = 0.7  # three letters are a prefix of many words
_JOINED_OR_SPLIT = 0.95
_OTHER_SPELLING = 0.95

# The score is coverage in [0, 1] (the share of the query in the book, rare words weighted more), plus:
_POPULARITY = 0.30  # times log(1 + ratings) over its maximum
_WHOLE_TITLE = 0.35  # times the similarity beyond _ALIKE to the whole title, title and author, or author
_ALIKE = 0.8
_PLAIN_TITLE = 0.25  # value of matching the title without subtitle, relative to the whole title
_AUTHOR = 0.3  # value of matching the author, likewise
_MIN_COVERAGE = 0.66  # below this, it is no match
_MAX_BEHIND_BEST = 0.18  # maximum coverage below the best suggestion
_WEIGHT_OF_UNKNOWN = 0.5  # weight of a word without matches, relative to a word in one book

# One word too many.
_MIN_SHARE_OF_TITLE = 0.34  # what the words of a whole title must count, of all
_MIN_SHARE_WITHOUT_ONE = 0.5  # what the other words must count, of all
_MIN_WITHOUT_ONE = 0.93  # coverage by the other words
_MIN_WORDS_TO_SPARE_ONE = 3
_SPARED = 0.3  # coverage beyond the least, times what the other words count

_MAX_LETTERS_OF_SHORT = 4  # an unknown word of so few letters is an abbreviation, or is most of a name
_MIN_LIKE_WHOLE = 0.7


def typo_matches(table: TitleTable, query: TitleQuery, *, unfinished: bool) -> list[int]:
    """Books with most of the words, despite typing errors, best first.

    Args:
        table: the titles.
        query: the typed text, at least one word.
        unfinished: the last word may be incomplete.
    """
    coverage = _coverage(table, query, unfinished=unfinished)
    best = float(coverage.max(initial=0.0))
    item_index = np.flatnonzero(coverage >= max(_MIN_COVERAGE, best - _MAX_BEHIND_BEST))
    scores = coverage[item_index] + _POPULARITY * table.popularity[item_index]
    if len(item_index) > _MAX_SHORTLIST:
        kept = np.argpartition(-scores, _MAX_SHORTLIST)[:_MAX_SHORTLIST]
        item_index, scores = item_index[kept], scores[kept]
    ranked = [
        (-score - _WHOLE_TITLE * _likeness_beyond(table, query, number), number)
        for score, number in zip(scores.tolist(), item_index.tolist(), strict=True)
    ]
    found = [number for _score, number in sorted(ranked)]
    text = query.spoken
    if len(text) <= _MAX_LETTERS_OF_SHORT and text.isascii() and " " not in text and text not in table.words:
        return [number for number in found if _is_like_whole(table, text, number)]
    return found


def _coverage(table: TitleTable, query: TitleQuery, *, unfinished: bool) -> NDArray[np.float32]:
    """The share of the query in each book, rare words weighted more: (n_books,), in [0, 1].

    A book whose whole title is in the query, or that has all words but one, has at least `_MIN_COVERAGE`.
    """
    n_books, words = table.n_books, query.words
    coverage = np.zeros(n_books, np.float32)
    missed, weight_of_missed = np.zeros(n_books, np.float32), np.zeros(n_books, np.float32)  # the word missed most
    weights: dict[str, float] = {}
    for place, word in enumerate(words):
        found, weight = _found(table, words, place, unfinished=unfinished and place == len(words) - 1)
        weights[word] = weight
        coverage += weight * found
        missing = weight * (1 - found)
        more = missing > missed
        missed[more] = missing[more]
        weight_of_missed[more] = weight
    total = np.float32(sum(weights.values()))
    if len(words) < 2:  # noqa: PLR2004 - nothing to leave out
        return coverage / total
    rest = total - weight_of_missed
    without = (coverage - (weight_of_missed - missed)) / rest
    coverage /= total
    shares = titles_within(table, query.spoken.split(), _weight_of(table, weights))
    shares = {number: share for number, share in shares.items() if share >= _MIN_SHARE_OF_TITLE}
    for number, share in shares.items():
        coverage[number] = max(coverage[number], _MIN_COVERAGE + _SPARED * share)
    if not shares and sum(word not in PRINTING_WORDS for word in words) >= _MIN_WORDS_TO_SPARE_ONE:
        spares = (without >= _MIN_WITHOUT_ONE) & (rest >= _MIN_SHARE_WITHOUT_ONE * total)
        coverage[spares] = np.maximum(coverage[spares], _MIN_COVERAGE + _SPARED * rest[spares] / total)
    return coverage


def _weight_of(table: TitleTable, weights: dict[str, float]) -> Callable[[str], float]:
    """What a word counts: as typed, or by its rarity if it is another spelling."""

    def weight_of(word: str) -> float:
        known = weights.get(word)
        if known is not None:
            return known
        meaning = table.words.exactly(word)
        return _rarity(table, table.words.n_books_with(meaning) if meaning else 0, word)

    return weight_of


def _rarity(table: TitleTable, n_with: int, word: str) -> float:
    """The weight of a word that so many books have."""
    rarest = float(np.log1p(max(table.n_books, 1)))
    weight = float(np.log1p(table.n_books / n_with)) if n_with else _WEIGHT_OF_UNKNOWN * rarest
    return weight * (PRINTING_WEIGHT if word in PRINTING_WORDS else 1.0)


def _found(table: TitleTable, words: list[str], place: int, *, unfinished: bool) -> tuple[NDArray[np.float32], float]:
    """How well each book has a word, in [0, 1], and what the word counts."""
    index = table.words
    meanings = _meanings(index, words[place], unfinished=unfinished)
    found = np.zeros(table.n_books, np.float32)
    for meaning in meanings:  # the most similar last, so that it wins
        found[index.books("author", meaning)] = _IN_AUTHOR * meaning.similarity
    for meaning in meanings:
        in_title = index.books("title", meaning)
        found[in_title] = np.maximum(found[in_title], meaning.similarity)
    _add_joined_and_split(index, words, place, found)
    n_with = index.n_books_with(meanings[-1]) if meanings else int(np.count_nonzero(found))
    weight = _rarity(table, n_with, words[place])
    return found, weight * (meanings[-1].similarity if meanings else 1.0)  # an uncertain word counts less


def _meanings(index: WordIndex, word: str, *, unfinished: bool) -> list[Meaning]:
    """What a typed word may mean, most likely last."""
    meanings = index.similar(word, unfinished=unfinished and len(word) > _MAX_LETTERS_OF_SHORT)
    if len(word) >= MIN_LETTERS_OF_BEGINNING:
        is_short = len(word) == MIN_LETTERS_OF_BEGINNING
        beginning = index.beginning_with(word, _SHORT_BEGINNING if is_short else _BEGINNING)
        if beginning:
            meanings.append(beginning)
    for other in alternatives(word):
        spelled = index.exactly(other)
        if spelled:
            meanings.append(spelled._replace(similarity=_OTHER_SPELLING))
    exact = index.exactly(word)
    if exact:
        meanings.append(exact)
    return sorted(meanings, key=lambda meaning: meaning.similarity)


def _add_joined_and_split(index: WordIndex, words: list[str], place: int, found: NDArray[np.float32]) -> None:
    """Count books that write this word and its neighbor as one ("mocking bird"), or this one as two."""
    for left, right in pairwise(words[max(0, place - 1) : place + 2]):
        joined = index.exactly(left + right)
        if joined:
            has = index.books_anywhere(joined)
            found[has] = np.maximum(found[has], _JOINED_OR_SPLIT)
    word = words[place]
    if len(word) >= _MIN_LETTERS_TO_SPLIT and word not in index:
        for left_half, right_half in index.halves(word):
            has = index.books_anywhere(left_half) & index.books_anywhere(right_half)
            found[has] = np.maximum(found[has], _JOINED_OR_SPLIT)


def _likeness_beyond(table: TitleTable, query: TitleQuery, number: int) -> float:
    """Similarity to this book's title, title and author, or author: 0 at `_ALIKE`, 1 if equal."""
    full, plain, name = table.full[number], table.plain[number], table.first_names[number]
    alike = OSA.normalized_similarity
    with_author = fuzz.token_sort_ratio(query.spoken, f"{plain} {name}", score_cutoff=100 * _ALIKE) / 100
    worths = (
        (1.0, with_author),
        (1.0, alike(_ARTICLES.sub("", query.key), _ARTICLES.sub("", full), score_cutoff=_ALIKE)),
        (_PLAIN_TITLE, alike(query.key, plain, score_cutoff=_ALIKE)),
        (_AUTHOR, alike(query.spoken, name, score_cutoff=_ALIKE)),
        (_AUTHOR, alike(query.spoken, name.rpartition(" ")[2], score_cutoff=_ALIKE)),
    )
    return max(worth * max(0.0, likeness - _ALIKE) for worth, likeness in worths) / (1 - _ALIKE)


def _is_like_whole(table: TitleTable, text: str, number: int) -> bool:
    """Whether a text is like this book's whole title, or its author's last name."""
    wholes = (table.full[number], table.plain[number], table.first_names[number].rpartition(" ")[2])
    return any(OSA.normalized_similarity(text, whole) >= _MIN_LIKE_WHOLE for whole in wholes)
