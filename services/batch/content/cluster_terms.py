"""Genres and words of clusters, weighted by class-based tf-idf.

The weight of a term t in cluster c is tf(t, c) · log(1 + A / f(t)): tf is the share of the cluster's books that have
the term, f(t) the sum of tf over all clusters and A the mean of such sums over clusters. This is c-TF-IDF (Grootendorst
2022, "BERTopic: Neural topic modeling with a class-based TF-IDF procedure", arXiv:2203.05794, section 3.3), but counts
books instead of occurrences, so that one description cannot name a cluster alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from services.batch.content.word_forms import SHORTEST_WORD, STOP_WORDS, plain_words, singular

BOOKS_PER_CLUSTER = 3_000  # more books do not change the names
NAME_SHARE = 0.6  # a word capitalized in at least this share of its mid-sentence occurrences is a name

_WORD = r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*"
_POSSESSIVE = re.compile(r"(?<=\w)['\u2019]s?(?!\w)")
_MID_SENTENCE = rf"(?<=[\w,]\s)({_WORD})"
# A word between one of these words and a stop word or punctuation mark is probably a noun.
_BEFORE_NOUNS = "the|an?|his|her|its|their|my|our|your|of|in|on|at|by|with|from|for|into|this|that"
_NOUN = rf"\b(?:{_BEFORE_NOUNS})\s+(?:{_WORD}\s+)?({_WORD})(?=\s+(?:{'|'.join(sorted(STOP_WORDS))})\b|\s*[^\w\s]|\s*$)"


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of the books of each cluster; a term is a word or a genre in all its written forms.

    Attributes:
        forms: the most frequent form of each term.
        is_name: bool, (n_terms,): whether it names a person or a place.
        books: (n_clusters, n_terms): books that have the term.
        authors: (n_clusters, n_terms): different authors of those books.
        weights: float64, (n_clusters, n_terms): see the module.
    """

    forms: list[str]
    is_name: NDArray[np.bool_]
    books: sparse.csr_array
    authors: sparse.csr_array
    weights: sparse.csr_array


@dataclass(frozen=True, slots=True)
class ClusterBooks:
    """The books whose texts name the clusters.

    Attributes:
        table: one row per book used.
        sizes: int64, (n_clusters,): number of these books in each cluster.
        by_cluster: 0 or 1, (n_clusters, n_rows).
        by_author: 0 or 1, (n_pairs, n_rows): one row for each pair of a cluster and a first author in it.
        pairs: 0 or 1, (n_clusters, n_pairs).
    """

    table: pd.DataFrame
    sizes: NDArray[np.int64]
    by_cluster: sparse.csr_array
    by_author: sparse.csr_array
    pairs: sparse.csr_array

    @classmethod
    def sample(cls, cluster_of: NDArray[np.int32], books: pd.DataFrame) -> ClusterBooks:
        """The first books of each cluster, at most `BOOKS_PER_CLUSTER`."""
        n_clusters = int(cluster_of.max(initial=-1)) + 1
        place = pd.Series(cluster_of).groupby(cluster_of).cumcount().to_numpy()
        taken = (cluster_of >= 0) & (place < BOOKS_PER_CLUSTER)
        table = books[taken].assign(cluster=cluster_of[taken])
        authors = [_first(authors, title) for authors, title in zip(table["authors"], table["title"], strict=True)]
        pair_of = table.assign(author=authors).groupby(["cluster", "author"]).ngroup().to_numpy(np.int64)
        clusters = table["cluster"].to_numpy(np.int64)
        n_pairs = int(pair_of.max(initial=-1)) + 1
        cluster_of_pair = np.zeros(n_pairs, np.int64)
        cluster_of_pair[pair_of] = clusters
        return cls(
            table,
            np.bincount(clusters, minlength=n_clusters),
            _indicator(clusters, n_clusters),
            _indicator(pair_of, n_pairs),
            _indicator(cluster_of_pair, n_clusters),
        )


def word_terms(books: ClusterBooks) -> Terms | None:
    """Words of the descriptions; nouns have a higher weight. `None` if no book has a word."""
    texts = [_POSSESSIVE.sub("", text) if isinstance(text, str) else "" for text in books.table["description"]]
    anywhere = CountVectorizer(lowercase=False, token_pattern=_WORD)
    if not any(map(anywhere.build_analyzer(), texts)):
        return None
    n_anywhere = sparse.csr_array(anywhere.fit_transform(texts))
    forms = anywhere.get_feature_names_out()
    keys, fold = _fold([singular(form.lower()) for form in forms])
    n_inside, n_noun = (
        sparse.csr_array(
            CountVectorizer(lowercase=False, token_pattern=pattern, vocabulary=forms).transform(texts)
        ).sum(axis=0)
        for pattern in (_MID_SENTENCE, _NOUN)
    )
    capital = np.array([form[0].isupper() for form in forms])
    is_name = fold.T @ (n_inside * capital) > NAME_SHARE * np.maximum(fold.T @ n_inside, 1)
    shown = [form if is_name[key] else form.lower() for form, key in zip(forms, fold.indices, strict=True)]
    useful = np.array([len(key) >= SHORTEST_WORD and key not in STOP_WORDS for key in keys])
    useful[fold.indices[[form.lower() in STOP_WORDS for form in forms]]] = False
    noun_share = (fold.T @ n_noun + 0.5) / (fold.T @ n_inside + 2.0)
    return _terms(books, n_anywhere @ fold, _usual_forms(shown, n_anywhere, fold), is_name, useful * noun_share)


def genre_terms(books: ClusterBooks) -> Terms | None:
    """Genres of the books. `None` if no book has one."""
    genres = [[] if genres is None else [*genres] for genres in books.table["genres"]]
    vectorizer = CountVectorizer(analyzer=lambda names: [name for name in names if plain_words(name)])
    if not any(map(vectorizer.build_analyzer(), genres)):
        return None
    n_anywhere = sparse.csr_array(vectorizer.fit_transform(genres))
    forms = vectorizer.get_feature_names_out()
    keys, fold = _fold(["".join(plain_words(form)) for form in forms])
    shown = [re.sub(r"-s\b", "'s", form).replace("-", " ").strip() for form in forms]
    return _terms(
        books, n_anywhere @ fold, _usual_forms(shown, n_anywhere, fold), np.zeros(len(keys), bool), np.ones(len(keys))
    )


def _terms(
    books: ClusterBooks,
    n_anywhere: sparse.csr_array,
    forms: list[str],
    is_name: NDArray[np.bool_],
    factors: NDArray[np.float64],
) -> Terms:
    """Terms with a weight above 0, by their counts in each book."""
    used = np.flatnonzero(factors > 0)
    has = sparse.csr_array(n_anywhere[:, used] > 0).astype(np.int64)
    by_cluster = sparse.csr_array(books.by_cluster @ has)
    authors = sparse.csr_array(books.pairs @ (books.by_author @ has > 0).astype(np.int64))
    shares = sparse.diags_array(1 / np.maximum(books.sizes, 1)) @ by_cluster
    totals: NDArray[np.float64] = shares.sum(axis=0)
    inverse = np.log1p(totals.sum() / max(len(books.sizes), 1) / totals) * factors[used]
    weights = sparse.csr_array(shares @ sparse.diags_array(inverse))
    return Terms([forms[term] for term in used], is_name[used], by_cluster, authors, weights)


def _fold(keys: list[str]) -> tuple[list[str], sparse.csr_array]:
    """The distinct keys, and the key of each form: 0 or 1, (n_forms, n_keys)."""
    known, place = np.unique(np.array(keys, dtype=object), return_inverse=True)
    ones = np.ones(len(keys), np.int64)
    return known.tolist(), sparse.csr_array((ones, (np.arange(len(keys)), place)), shape=(len(keys), len(known)))


def _usual_forms(shown: Sequence[str], n_anywhere: sparse.csr_array, fold: sparse.csr_array) -> list[str]:
    """The most frequent form of each term; the shorter one of equally frequent forms."""
    counts: list[Counter[str]] = [Counter() for _ in range(fold.shape[1])]
    for term, form, n in zip(fold.indices.tolist(), shown, n_anywhere.sum(axis=0).tolist(), strict=True):
        counts[term][form] += n
    return [min(forms, key=lambda form: (-forms[form], len(form), form)) for forms in counts]


def _indicator(rows: NDArray[np.integer], n_rows: int) -> sparse.csr_array:
    """A matrix with a 1 in each column, at the given row."""
    return sparse.csr_array((np.ones(len(rows), np.int64), (rows, np.arange(len(rows)))), shape=(n_rows, len(rows)))


def _first(authors: Sequence[str] | None, title: str) -> str:
    return next(iter([] if authors is None else authors), title)
