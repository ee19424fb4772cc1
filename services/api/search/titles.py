"""What a person means who types a title: the book of that name, what they probably meant, what they are about to type.

The one place both halves take titles from; how titles are spelled for comparison is in `title_keys`, which books are
editions of one work in `editions`, typing errors in `title_search`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from services.api.search.title_words import Meaning, WordIndex
from shared.title_keys import ParsedTitle, fold, name_words, parse_title, search_words, title_key
from shared.work_id import edition_groups, edition_key, groups_of_parsed

__all__ = ["Resolution", "TitleIndex", "edition_groups", "edition_key", "title_key"]

_ARTICLES = re.compile(r"\b(?:the|an?) ")
_MAX_LETTERS = 200  # of a query that are read
_MAX_WORDS = 16
_SHORTLIST = 160  # books compared as whole strings
_MAX_ALTERNATIVES = 50

# What a word of the query is worth that was found otherwise than exactly in a title.
_IN_AUTHOR = 0.97
_BEGINNING = 0.88
_SHORT_BEGINNING = 0.7  # of three letters, which begin too much
_JOINED_OR_SPLIT = 0.95
_MIN_LETTERS_OF_BEGINNING = 3
_MIN_LETTERS_TO_SPLIT = 5

# A suggestion's score: coverage in [0, 1] (how much of what was typed the book has, rare words counting more), plus:
_POPULARITY = 0.30  # times log(1 + ratings) over its maximum
_WHOLE_TITLE = 0.35  # times how far beyond _ALIKE the query is the whole title, or title and author, or author
_ALIKE = 0.8
_PLAIN_TITLE = 0.25  # worth of being the title without its subtitle, against the whole title
_AUTHOR = 0.3  # worth of being the author, likewise
_MIN_COVERAGE = 0.66  # below this it is nonsense
_MAX_BEHIND_BEST = 0.18  # coverage lost to the best suggestion
_WEIGHT_OF_UNKNOWN = 0.5  # of a word nothing resembles, against a word that one book has

# A search-as-you-type score, of books that have every word: popularity in [0, 1], plus:
_TITLE_IS_QUERY = 1.5  # before all others
_TITLE_BEGINS = 0.15  # and as much again if only a subtitle or a volume is missing
_PHRASE = 0.12  # several words, together in the title or in a name
_WORD_IN_AUTHOR_ONLY = -0.2  # if all of them are, otherwise in proportion


@dataclass(frozen=True, slots=True)
class Resolution:
    """The book a title names, and the other books of that title, most rated first."""

    number: int
    alternatives: list[int]


class _Query(NamedTuple):
    """What was typed: its distinct words, all of them in order as in a name, and the title key."""

    words: list[str]
    spoken: str
    key: str


class TitleIndex:
    """Finds books by what people type. Built once per generation, immutable, safe to share between threads.

    Inactive books are never found. No text makes a method raise; of long texts the first 200 characters count.

    Args:
        titles: by book number.
        authors: the authors of each book, the first one foremost; may be empty.
        n_ratings: int64, (n_books,); of books that fit equally well the most rated come first.
        active: bool, (n_books,).
        editions: int32, (n_books,), books with the same value are editions of one work, of which search and
            suggestions show one; computed with `edition_groups` if not given.
        series: of each book the series and its place in it, as in `"Discworld 4"`; may be empty. Its words count like
            words of the title where a book is searched, not where a title is resolved.
    """

    def __init__(
        self,
        titles: Sequence[str],
        authors: Sequence[Sequence[str]],
        n_ratings: NDArray[np.int64],
        active: NDArray[np.bool_],
        editions: NDArray[np.int32] | None = None,
        series: Sequence[str] | None = None,
    ) -> None:
        parsed = [parse_title(title) for title in titles]
        series_words = [search_words(fold(text)) for text in series or [""] * len(parsed)]
        self._editions = groups_of_parsed(parsed, authors) if editions is None else np.asarray(editions)
        popularity = np.log1p(np.maximum(n_ratings, 0)).astype(np.float32)
        self._popularity = popularity / max(float(popularity.max(initial=0.0)), 1.0)
        self._full = [title.full for title in parsed]
        self._plain = [title.plain for title in parsed]
        words_of = {name: name_words(name) for name in set(chain.from_iterable(authors))}
        self._names = [" ".join([words_of[name] for name in names]) for names in authors]
        self._first_names = [words_of[names[0]] if names else "" for names in authors]

        served = active.tolist()
        order = np.flatnonzero(active)
        order = order[np.argsort(-np.asarray(n_ratings)[order], kind="stable")]
        self._by_full = _numbers_by_key((self._full[number], number) for number in order.tolist())
        self._by_head = _numbers_by_key((head, number) for number in order.tolist() for head in parsed[number].heads)
        self._index = WordIndex(
            [
                f"{title.searchable} {words}" if is_served else ""
                for title, words, is_served in zip(parsed, series_words, served, strict=True)
            ],
            [name if is_served else "" for name, is_served in zip(self._names, served, strict=True)],
        )

    def resolve(self, text: str) -> Resolution | None:
        """The book of this title; `None` if there is none, or if it is not clear which.

        The whole title counts first (`title_key`), then the title cut at a break: "Sapiens" finds "Sapiens: A Brief
        History of Humankind". A text with a subtitle that no book has finds the book of the plain title. Of several
        books of one title the most rated is meant, the others are its alternatives.
        """
        parsed = parse_title(text)
        if not parsed.full:
            return None
        found = self._by_full.get(parsed.full) or self._by_head.get(parsed.full)
        if found is None:
            found = self._of_other_subtitle(parsed)
        return None if found is None else Resolution(found[0], list(found[1:]))

    def _of_other_subtitle(self, parsed: ParsedTitle) -> tuple[int, ...] | None:
        for head in reversed(parsed.heads):
            found = self._by_full.get(head)
            if found is None:
                found = self._by_head.get(head, ())
                if len({self._full[number] for number in found}) != 1:
                    continue  # "Star Wars: …" may be any of them
            return found
        return None

    def suggest(self, text: str, limit: int = 7) -> list[int]:
        """Books that may have been meant, likeliest first, one edition of each work; empty rather than nonsense."""
        query = self._read(text)
        if not query.words or limit <= 0:
            return []
        return self._one_per_work(self._fuzzy(query, unfinished=False), limit)

    def search(self, text: str, limit: int = 10) -> list[int]:
        """Books for a search-as-you-type box, one edition of each work.

        First the books in which every typed word begins some word, titles before authors and popular ones before
        others; then, if there is room, what may have been meant.
        """
        query = self._read(text)
        if not query.words or limit <= 0:
            return []
        found = self._one_per_work(self._with_all_words(query, limit), limit)
        if len(found) < limit and len(query.spoken) >= _MIN_LETTERS_OF_BEGINNING:
            found = self._one_per_work([*found, *self._fuzzy(query, unfinished=True)], limit)
        return found

    def _read(self, text: str) -> _Query:
        """Take a query apart; initials are joined as they are in names, if a name has them so."""
        text = text[:_MAX_LETTERS]
        words: list[str] = []
        initials: list[str] = []
        for word in [*search_words(fold(text)).split(), ""]:
            if len(word) == 1 and word.isascii() and word.isalpha():
                initials.append(word)
                continue
            words += self._as_in_names(initials)
            initials = []
            words.append(word)
        words.pop()  # the empty one that ended the last initials
        return _Query(list(dict.fromkeys(words))[:_MAX_WORDS], " ".join(words), title_key(text))

    def _as_in_names(self, initials: list[str]) -> list[str]:
        """Initials joined, or all but the last (it may begin a name), if the catalogue has them so."""
        joined = "".join(initials)
        for n_joined in (len(joined), len(joined) - 1):
            if n_joined > 1 and joined[:n_joined] in self._index:
                return [joined[:n_joined], *initials[n_joined:]]
        return initials

    def _one_per_work(self, numbers: Iterable[int], limit: int) -> list[int]:
        of_work: dict[int, int] = {}
        for number in numbers:
            if len(of_work) >= limit:
                break
            of_work.setdefault(int(self._editions[number]), number)
        return list(of_work.values())

    def _with_all_words(self, query: _Query, limit: int) -> list[int]:
        """Books in which every word begins a word of the title or of an author, best first."""
        words, key = query.words, query.key
        phrase = re.compile(r"(?:^| )" + "[^ ]* ".join(map(re.escape, words)))
        n_books = len(self._full)
        anywhere = np.ones(n_books, np.bool_)
        n_in_title = np.zeros(n_books, np.float32)
        for word in words:
            meaning = self._index.beginning_with(word)
            if meaning is None:
                return []
            anywhere &= self._index.books_anywhere(meaning)
            in_title = np.zeros(n_books, np.bool_)
            in_title[self._index.books("title", meaning)] = True
            n_in_title += in_title
        numbers = np.flatnonzero(anywhere)
        scores = self._popularity[numbers] + _WORD_IN_AUTHOR_ONLY * (1 - n_in_title[numbers] / len(words))
        if len(numbers) > _SHORTLIST + limit:
            best = np.argpartition(-scores, _SHORTLIST + limit)[: _SHORTLIST + limit]
            numbers, scores = numbers[best], scores[best]
        score_of = dict(zip(numbers.tolist(), scores.tolist(), strict=True))
        for number in (*self._by_full.get(key, ())[:limit], *self._by_head.get(key, ())[:limit]):
            score_of.setdefault(number, float(self._popularity[number]))
        for number in score_of:
            full = self._full[number]
            if key and full.startswith(key):
                score_of[number] += _TITLE_IS_QUERY if key == full else _TITLE_BEGINS
                score_of[number] += _TITLE_BEGINS if key == self._plain[number] else 0.0
            elif len(words) > 1 and (phrase.search(full) or phrase.search(self._names[number])):
                score_of[number] += _PHRASE
        return sorted(score_of, key=lambda number: (-score_of[number], number))

    def _fuzzy(self, query: _Query, *, unfinished: bool) -> list[int]:
        """Books that have most of the words, typing errors forgiven, best first, none that has too few."""
        words = query.words
        n_books = len(self._full)
        rarest = float(np.log1p(max(n_books, 1)))
        coverage = np.zeros(n_books, np.float32)
        total = 0.0
        for place, word in enumerate(words):
            meanings = self._meanings(word, unfinished=unfinished and place == len(words) - 1)
            found = np.zeros(n_books, np.float32)
            for meaning in meanings:  # the most similar last, so that it stays
                found[self._index.books("author", meaning)] = _IN_AUTHOR * meaning.similarity
            for meaning in meanings:
                in_title = self._index.books("title", meaning)
                found[in_title] = np.maximum(found[in_title], meaning.similarity)
            self._add_joined_and_split(words, place, found)
            n_with = self._index.n_books_with(meanings[-1]) if meanings else np.count_nonzero(found)
            weight = float(np.log1p(n_books / n_with)) if n_with else _WEIGHT_OF_UNKNOWN * rarest
            weight *= meanings[-1].similarity if meanings else 1.0  # the less is known of it, the less it says
            coverage += weight * found
            total += weight
        coverage /= total
        best = float(coverage.max(initial=0.0))
        numbers = np.flatnonzero(coverage >= max(_MIN_COVERAGE, best - _MAX_BEHIND_BEST))
        scores = coverage[numbers] + _POPULARITY * self._popularity[numbers]
        if len(numbers) > _SHORTLIST:
            kept = np.argpartition(-scores, _SHORTLIST)[:_SHORTLIST]
            numbers, scores = numbers[kept], scores[kept]
        ranked = [
            (-score - _WHOLE_TITLE * self._likeness_beyond(query, number), number)
            for score, number in zip(scores.tolist(), numbers.tolist(), strict=True)
        ]
        return [number for _score, number in sorted(ranked)]

    def _meanings(self, word: str, *, unfinished: bool) -> list[Meaning]:
        """What a typed word may mean, the likeliest last."""
        meanings = self._index.similar(word, unfinished=unfinished)
        if len(word) >= _MIN_LETTERS_OF_BEGINNING:
            is_short = len(word) == _MIN_LETTERS_OF_BEGINNING
            beginning = self._index.beginning_with(word, _SHORT_BEGINNING if is_short else _BEGINNING)
            if beginning:
                meanings.append(beginning)
        exact = self._index.exactly(word)
        if exact:
            meanings.append(exact)
        return sorted(meanings, key=lambda meaning: meaning.similarity)

    def _add_joined_and_split(self, words: list[str], place: int, found: NDArray[np.float32]) -> None:
        """Count books that write this word and its neighbour as one ("mocking bird"), or this one as two."""
        for left, right in pairwise(words[max(0, place - 1) : place + 2]):
            joined = self._index.exactly(left + right)
            if joined:
                has = self._index.books_anywhere(joined)
                found[has] = np.maximum(found[has], _JOINED_OR_SPLIT)
        word = words[place]
        if len(word) >= _MIN_LETTERS_TO_SPLIT and word not in self._index:
            for left_half, right_half in self._index.halves(word):
                has = self._index.books_anywhere(left_half) & self._index.books_anywhere(right_half)
                found[has] = np.maximum(found[has], _JOINED_OR_SPLIT)

    def _likeness_beyond(self, query: _Query, number: int) -> float:
        """How far the query is this book's whole title, title and author, or author: 0 at _ALIKE, 1 when it is."""
        full, plain, name = self._full[number], self._plain[number], self._first_names[number]
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


def _numbers_by_key(pairs: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    """Book numbers by key, in the order given, as many of a key as are ever asked for; `""` is no key."""
    numbers_of: dict[str, tuple[int, ...]] = {}
    for key, number in pairs:
        others = numbers_of.get(key, ())
        if key and len(others) <= _MAX_ALTERNATIVES:
            numbers_of[key] = (*others, number)
    return numbers_of
