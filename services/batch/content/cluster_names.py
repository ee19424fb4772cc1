"""Telling names for clusters, such as "space opera · empire · robots": class-based tf-idf over genres and descriptions.

A term t of cluster c weighs tf(t, c) · log(1 + A / f(t)), with tf the share of the cluster's books that have the term, f(t)
the sum of tf over all clusters and A the mean of such sums: c-TF-IDF (Grootendorst 2022, "BERTopic: Neural topic modeling
with a class-based TF-IDF procedure", arXiv:2203.05794, section 3.3), with books counted instead of occurrences, so that
one description cannot name a cluster alone. Genres and words are weighed apart and genres lead.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from shared.artifacts.content import Cluster

if TYPE_CHECKING:
    import pandas as pd

SEPARATOR = " · "
N_NAME_TERMS = 3
N_WORDS = 10  # kept in the cluster's record
LEAST_SHARE = 0.06  # of a cluster's books that have a word, at least; and
LEAST_BOOKS = 3  # at least
TELLING_WORD = 3.0  # a word is kept if it is this much commoner inside the cluster than outside
TELLING_GENRE = 1.5  # a genre leads the name if it is this much commoner inside the cluster than outside
COMMON_GENRE = 0.3  # a genre of more than this share of all books sets no cluster apart
NAME_SHARE = 0.6  # a word written with a capital this often in mid-sentence is a name
BOOKS_PER_TRIBE = 3_000  # looked at; more do not change a name
GENRE_SHARE = 0.3  # of a cluster's books that have a genre which leads its name, at least; or
SCARCE_GENRE = 0.2  # if it is
SCARCE_TELLING = 3.0  # times as common inside the cluster as outside
WORD_AUTHORS = 3  # of a cluster who all use a word before it may name the cluster
NAME_AUTHORS = 4  # of a cluster who all write of a named person or place before it may name the cluster

_PLURALS = (("ies", "y"), ("ves", "f"), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"))
SHORTEST_WORD = 3  # letters
SHORTEST_STEM = 5  # letters two words must share at their beginning to be taken for one
_TOKEN = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|[^\w\s]")
# Words that nouns follow; what stands between one of these and a small word or a stop is likely a noun.
_BEFORE_NOUNS = frozenset(
    "the a an his her its their my our your of in on at by with from for into this that".split()  # noqa: SIM905
)

# Readers' shelves that are no genres: "to read", "books i own".
_SHELF_WORDS = frozenset(
    "read book own owned library favorite favourite kindle ebook audiobook series novel".split()  # noqa: SIM905
)

# What blurbs say of any book. The stop words of scikit-learn are left out besides.
_STOPS = ENGLISH_STOP_WORDS | frozenset(
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


@dataclass
class _Term:
    """One word in all its written forms, or one genre."""

    books: Counter[int] = field(default_factory=Counter)  # books that have it, by cluster
    forms: Counter[str] = field(default_factory=Counter)
    authors: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    n_inside: int = 0  # occurrences that do not open a sentence
    n_capital: int = 0  # of these, with a capital
    n_noun: int = 0  # of these, where a noun would stand


def name_clusters(cluster_of: NDArray[np.int32], books: pd.DataFrame) -> list[Cluster]:
    """Name each cluster after what sets its books apart.

    Args:
        tribe_of: int32, (n_books,), -1 for books in no cluster.
        books: the snapshot's books, row i is book number i.

    Returns:
        One record for each cluster, in order of cluster; no two names are the same.
    """
    n_clusters = int(cluster_of.max(initial=-1)) + 1
    sizes = np.bincount(cluster_of[cluster_of >= 0], minlength=n_clusters)
    genres, words, looked_at = _count_terms(cluster_of, books, n_clusters)
    taken: set[str] = set()
    clusters: list[Cluster] = []
    genre_weights = _weigh(genres, looked_at)
    word_weights = _weigh(words, looked_at, prefer_nouns=True)
    for cluster in range(n_clusters):
        telling = _telling_words(word_weights[cluster], words, cluster, looked_at)
        leading, common = _leading_genres(genre_weights[cluster], genres, cluster, looked_at)
        name = _free_name(leading, telling, common, taken) or f"cluster {cluster + 1}"
        taken.add(name)
        shown = (telling or leading or common)[:N_WORDS]
        clusters.append({"cluster": cluster, "name": name, "words": shown, "n_books": int(sizes[cluster])})
    return clusters


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
    ones, others = _plain_words(one), _plain_words(other)
    return (
        any(_same_stem(a, b) for a in ones for b in others)
        or _short_for("".join(ones), others)
        or _short_for("".join(others), ones)
    )


def _plain_words(term: str) -> list[str]:
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


def _count_terms(
    cluster_of: NDArray[np.int32], books: pd.DataFrame, n_clusters: int
) -> tuple[dict[str, _Term], dict[str, _Term], NDArray[np.int64]]:
    """Genres and words by key, and the books looked at in each cluster, int64, (n_tribes,)."""
    genres: dict[str, _Term] = defaultdict(_Term)
    words: dict[str, _Term] = defaultdict(_Term)
    looked_at = np.zeros(n_clusters, np.int64)
    columns = (books["title"], books["authors"], books["genres"], books["description"])
    for cluster, title, authors, book_genres, description in zip(cluster_of.tolist(), *columns, strict=True):
        if cluster < 0 or looked_at[cluster] >= BOOKS_PER_TRIBE:
            continue
        looked_at[cluster] += 1
        author = next(iter([] if authors is None else authors), title)
        forms = {_genre_key(form): form for form in ([] if book_genres is None else book_genres)}
        for key, form in forms.items():
            if key:
                genres[key].books[cluster] += 1
                genres[key].forms[re.sub(r"-s\b", "'s", form).replace("-", " ").strip()] += 1
        if isinstance(description, str):
            _count_words(words, description, cluster, author)
    return genres, words, looked_at


def _genre_key(genre: str) -> str:
    return "".join(_plain_words(genre))


def _count_words(words: dict[str, _Term], description: str, cluster: int, author: str) -> None:
    met: set[str] = set()
    tokens = [re.sub(r"(?<=\w)['\u2019]s?$", "", token) for token in _TOKEN.findall(description)]
    lower = [token.lower() for token in tokens]
    for place, form in enumerate(lower):
        key = singular(form)
        if len(key) < SHORTEST_WORD or not _STOPS.isdisjoint((form, key)):
            continue
        term = words[key]
        term.forms[tokens[place]] += 1
        if place and (lower[place - 1].isalpha() or lower[place - 1] == ","):
            term.n_inside += 1
            term.n_capital += tokens[place][0].isupper()
            after = lower[place + 1] if place + 1 < len(lower) else "."
            ends = after in _STOPS or not after[0].isalpha()
            term.n_noun += ends and not _BEFORE_NOUNS.isdisjoint(lower[max(0, place - 2) : place])
        if key not in met:
            met.add(key)
            term.books[cluster] += 1
            term.authors[cluster].add(author)


def _weigh(
    terms: dict[str, _Term], looked_at: NDArray[np.int64], *, prefer_nouns: bool = False
) -> list[dict[str, float]]:
    """c-TF-IDF of each term in each cluster, as the module says; nouns name better than what stands elsewhere."""
    sizes = np.maximum(looked_at, 1)
    total = {key: sum(n / sizes[cluster] for cluster, n in term.books.items()) for key, term in terms.items()}
    mean = sum(total.values()) / max(len(looked_at), 1)
    weights: list[dict[str, float]] = [{} for _ in looked_at]
    for key, term in terms.items():
        inverse = np.log1p(mean / total[key])
        if prefer_nouns:
            inverse *= (term.n_noun + 0.5) / (term.n_inside + 2.0)
        for cluster, n in term.books.items():
            weights[cluster][key] = float(n / sizes[cluster] * inverse)
    return weights


def _leading_genres(
    weights: dict[str, float], genres: dict[str, _Term], cluster: int, sizes: NDArray[np.int64]
) -> tuple[list[str], list[str]]:
    """Genres of many books of the cluster and of few others, most telling first; and those merely common in it."""
    n, n_all = int(sizes[cluster]), int(sizes.sum())
    telling: list[str] = []
    common: list[str] = []
    for key in _best_first(weights):
        form, count = _form(genres[key]), genres[key].books
        inside = count[cluster] / n
        outside = (count.total() - count[cluster]) / max(n_all - n, 1)
        if not _SHELF_WORDS.isdisjoint(_plain_words(form)) or inside < SCARCE_GENRE:
            continue
        sets_apart = inside >= (TELLING_GENRE if inside >= GENRE_SHARE else SCARCE_TELLING) * outside
        rare = count.total() <= COMMON_GENRE * n_all
        if n == n_all or (sets_apart and rare):
            telling.append(form)
        elif inside >= GENRE_SHARE:
            common.append(form)
    return _distinct(telling), _distinct(common)


def _telling_words(
    weights: dict[str, float], words: dict[str, _Term], cluster: int, sizes: NDArray[np.int64]
) -> list[str]:
    """Words of several books and authors of the cluster and of few others, most telling first.

    A name (of a person or a place) has to be met by more authors than a plain word: places are, heroes are not.
    """
    n, n_all = int(sizes[cluster]), int(sizes.sum())
    least = min(n, max(LEAST_BOOKS, round(LEAST_SHARE * n)))

    def is_telling(key: str) -> bool:
        term = words[key]
        n_authors = min(n, NAME_AUTHORS if _is_name(term) else WORD_AUTHORS)
        inside = term.books[cluster] / n
        outside = (term.books.total() - term.books[cluster]) / max(n_all - n, 1)
        return (
            term.books[cluster] >= least
            and len(term.authors[cluster]) >= n_authors
            and (n_all == n or inside >= TELLING_WORD * outside)
        )

    return _distinct(_form(words[key]) for key in _best_first(weights) if is_telling(key))


def _free_name(genres: list[str], words: list[str], common: list[str], taken: set[str]) -> str | None:
    """The most telling name not taken: a genre or two and words, none repeating another; `None` if there is none."""
    for skip in range(max(len(words), 1)):
        for n_genres in (2, 1, 3, 0):
            terms = _distinct([*genres[:n_genres], *words[skip:], *genres[n_genres:], *common])[:N_NAME_TERMS]
            name = SEPARATOR.join(terms)
            if name and name not in taken:
                return name
    return None


def _best_first(weights: dict[str, float]) -> list[str]:
    return sorted(weights, key=lambda key: (-weights[key], key))


def _distinct(terms: Iterable[str]) -> list[str]:
    """Terms in their order, without those that repeat an earlier one."""
    kept: list[str] = []
    for term in terms:
        if not any(alike(term, earlier) for earlier in kept):
            kept.append(term)
    return kept


def _is_name(term: _Term) -> bool:
    return term.n_capital > NAME_SHARE * max(term.n_inside, 1)


def _form(term: _Term) -> str:
    """How the term is written most often: a name as it stands in the texts, anything else in lower case."""
    forms = term.forms
    if not (_is_name(term) and term.n_inside):
        forms = Counter[str]()
        for form, n in term.forms.items():
            forms[form.lower()] += n
    return min(forms, key=lambda form: (-forms[form], len(form), form))
