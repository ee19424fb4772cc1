"""Telling names for tribes, such as "space opera · empire · robots": class-based tf-idf over genres and descriptions.

A term t of tribe c weighs tf(t, c) · log(1 + A / f(t)), with tf the share of the tribe's books that have the term, f(t)
the sum of tf over all tribes and A the mean of such sums: c-TF-IDF (Grootendorst 2022, "BERTopic: Neural topic modeling
with a class-based TF-IDF procedure", arXiv:2203.05794, section 3.3), with books counted instead of occurrences, so that
one description cannot name a tribe alone. Genres and words are weighed apart and genres lead.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from shared.neighbours import Tribe

if TYPE_CHECKING:
    import pandas as pd

SEPARATOR = " · "
N_NAME_TERMS = 3
N_WORDS = 10  # kept in the tribe's record
GENRE_WEIGHT = 2.0
MOST_BOOKS = 0.2  # a word in more than this share of all descriptions says nothing of any of them
LEAST_SHARE = 0.05  # of a tribe's books that have a word, at least
TELLING_GENRE = 1.5  # a genre leads the name if it is this much commoner inside the tribe than outside
NAME_SHARE = 0.6  # a word written with a capital this often in mid-sentence is a name
BOOKS_PER_TRIBE = 3_000  # looked at; more do not change a name

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;…\"“”‘(\n—–-])\s*[\"“‘'(]*$")

# What blurbs say of any book. The stop words of scikit-learn are left out besides.
_BLURB = frozenset(
    """
    acclaimed adventure author award beautiful begin best bestseller bestselling big bring book called chapter character
    classic collection come day discover edition end entertaining epic explore face fan favorite feature fiction
    fictional finally find follow force gripping guide help high include including introduction journey kind know known
    later leave life little live long look make man master masterpiece mean modern new novel number old original page
    people place portrait power published publication reader reading real return reveal review say series set short story
    storytelling tale tell thing thriller time times title today true turn unforgettable version volume way winner winning
    woman men women wonderful word work world write writer writing written year years york young away ago just like
    really want need keep let learn hard good great better having doesn don isn won didn couldn wasn aren ll ve re
    """.split()  # noqa: SIM905 - a list of words reads best as words
)


@dataclass
class _Term:
    """One word in all its written forms, or one genre."""

    books: Counter[int] = field(default_factory=Counter)  # books that have it, by tribe
    forms: Counter[str] = field(default_factory=Counter)
    authors: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    n_capital: int = 0
    n_inside: int = 0  # occurrences that do not open a sentence


def name_tribes(tribe_of: NDArray[np.int32], books: pd.DataFrame) -> list[Tribe]:
    """Name each tribe after what sets its books apart.

    Args:
        tribe_of: int32, (n_books,), -1 for books in no tribe.
        books: the snapshot's books, row i is book number i.

    Returns:
        One record for each tribe, in order of tribe; no two names are the same.
    """
    n_tribes = int(tribe_of.max(initial=-1)) + 1
    sizes = np.bincount(tribe_of[tribe_of >= 0], minlength=n_tribes)
    genres, words, looked_at = _count_terms(tribe_of, books, n_tribes)
    taken: set[str] = set()
    tribes: list[Tribe] = []
    genre_weights = _weigh(genres, looked_at)
    word_weights = _weigh(words, looked_at)
    for tribe in range(n_tribes):
        telling = _telling_words(word_weights[tribe], words, tribe, looked_at)
        leading = _leading_genres(genre_weights[tribe], genres, tribe, looked_at)
        name = _free_name(leading, telling, taken, tribe)
        taken.add(name)
        tribes.append({"tribe": tribe, "name": name, "words": telling[:N_WORDS], "n_books": int(sizes[tribe])})
    return tribes


def singular(word: str) -> str:
    """A key that is the same for an English word and its plural; not always a word itself."""
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 4 and word.endswith("ves"):
        return f"{word[:-3]}f"
    if len(word) > 4 and word.endswith(("ses", "xes", "zes", "ches", "shes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def alike(one: str, other: str) -> bool:
    """Whether two terms would repeat each other in a name: a shared word, or words of one stem."""
    return any(_same_stem(a, b) for a in _plain_words(one) for b in _plain_words(other))


def _plain_words(term: str) -> list[str]:
    return [singular(word) for word in re.split(r"[\s'’&/-]+", term) if word]


def _same_stem(one: str, other: str) -> bool:
    shorter = min(len(one), len(other))
    return one == other or (shorter >= 5 and one[: max(5, shorter - 2)] == other[: max(5, shorter - 2)])


def _count_terms(
    tribe_of: NDArray[np.int32], books: pd.DataFrame, n_tribes: int
) -> tuple[dict[str, _Term], dict[str, _Term], NDArray[np.int64]]:
    """Genres and words by key, and the books looked at in each tribe, int64, (n_tribes,)."""
    genres: dict[str, _Term] = defaultdict(_Term)
    words: dict[str, _Term] = defaultdict(_Term)
    looked_at = np.zeros(n_tribes, np.int64)
    columns = (books["title"], books["authors"], books["genres"], books["description"])
    for tribe, title, authors, book_genres, description in zip(tribe_of.tolist(), *columns, strict=True):
        if tribe < 0 or looked_at[tribe] >= BOOKS_PER_TRIBE:
            continue
        looked_at[tribe] += 1
        author = next(iter([] if authors is None else authors), title)
        for key, form in {_genre_key(form): form for form in ([] if book_genres is None else book_genres)}.items():
            genres[key].books[tribe] += 1
            genres[key].forms[form.replace("-", " ")] += 1
        if isinstance(description, str):
            _count_words(words, description, tribe, author)
    return genres, words, looked_at


def _genre_key(genre: str) -> str:
    return "".join(_plain_words(genre))


def _count_words(words: dict[str, _Term], description: str, tribe: int, author: str) -> None:
    met: set[str] = set()
    for form, inside, capital in _words_of(description):
        key = singular(form)
        if len(key) < 3 or form in ENGLISH_STOP_WORDS or form in _BLURB or key in _BLURB or key in ENGLISH_STOP_WORDS:
            continue
        term = words[key]
        term.forms[form] += 1
        term.n_inside += inside
        term.n_capital += inside and capital
        if key not in met:
            met.add(key)
            term.books[tribe] += 1
            term.authors[tribe].add(author)


def _words_of(text: str) -> Iterator[tuple[str, bool, bool]]:
    """Lower-case words, whether each stands inside a sentence, and whether it has a capital."""
    for match in _WORD.finditer(text):
        word = re.sub(r"['’]s?$", "", match.group())
        inside = not _SENTENCE_START.search(text, max(0, match.start() - 6), match.start())
        yield word.lower(), inside, word[:1].isupper()


def _weigh(terms: dict[str, _Term], looked_at: NDArray[np.int64]) -> list[dict[str, float]]:
    """c-TF-IDF of each term in each tribe, as the module says."""
    sizes = np.maximum(looked_at, 1)
    total = {key: sum(n / sizes[tribe] for tribe, n in term.books.items()) for key, term in terms.items()}
    mean = sum(total.values()) / max(len(looked_at), 1)
    weights: list[dict[str, float]] = [{} for _ in looked_at]
    for key, term in terms.items():
        inverse = np.log1p(mean / total[key])
        for tribe, n in term.books.items():
            weights[tribe][key] = float(n / sizes[tribe] * inverse)
    return weights
