"""Names for clusters, such as "space opera · empire · robots": genres first, then words from descriptions."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.batch.content.cluster_terms import ClusterBooks, Terms, genre_terms, word_terms
from services.batch.content.word_forms import distinct, plain_words
from shared.artifacts.content import Cluster

SEPARATOR = " · "
N_NAME_TERMS = 3
N_WORDS = 10  # kept in the cluster's record
MIN_SHARE, MIN_BOOKS = 0.06, 3  # of a cluster's books must contain a word that may name it
WORD_LIFT = 3.0  # a word is kept if it is this many times more frequent inside the cluster than outside
GENRE_SHARE, GENRE_LIFT = 0.3, 1.5  # a genre starts the name from this share of the cluster's books and this lift,
RARE_GENRE_SHARE, RARE_GENRE_LIFT = 0.2, 3.0  # or from these
COMMON_GENRE = 0.3  # a genre of more than this share of all books distinguishes no cluster
WORD_AUTHORS = 3  # authors of a cluster must use a word that may name it
NAME_AUTHORS = 4  # the same for names of persons and places: place names recur across authors, character names do not

# Readers' shelves that are not genres: "to read", "books i own".
_SHELF_WORDS = frozenset(
    "read book own owned library favorite favourite kindle ebook audiobook series novel".split()  # noqa: SIM905
)


def name_clusters(cluster_of: NDArray[np.int32], books: pd.DataFrame) -> list[Cluster]:
    """Name each cluster by the genres and words that distinguish its books.

    Args:
        cluster_of: int32, (n_books,), -1 for books in no cluster.
        books: the snapshot's books, row i has item index i.

    Returns:
        One record for each cluster, in order of cluster; no two names are the same.
    """
    sample = ClusterBooks.sample(cluster_of, books)
    sizes = np.bincount(cluster_of[cluster_of >= 0], minlength=len(sample.sizes))
    words, genres = word_terms(sample), genre_terms(sample)
    taken: set[str] = set()
    clusters: list[Cluster] = []
    for cluster, n_books in enumerate(sizes.tolist()):
        telling = _telling_words(words, cluster, sample.sizes) if words else []
        leading, common = _leading_genres(genres, cluster, sample.sizes) if genres else ([], [])
        name = _free_name(leading, telling, common, taken) or f"cluster {cluster + 1}"
        taken.add(name)
        shown = (telling or leading or common)[:N_WORDS]
        clusters.append({"cluster": cluster, "name": name, "words": shown, "n_books": n_books})
    return clusters


def _telling_words(words: Terms, cluster: int, sizes: NDArray[np.int64]) -> list[str]:
    """Words in several books and by several authors of the cluster, rare elsewhere, highest weight first."""
    n, n_all = int(sizes[cluster]), int(sizes.sum())
    inside, outside = _shares(words, cluster, sizes)
    min_authors = np.minimum(n, np.where(words.is_name, NAME_AUTHORS, WORD_AUTHORS))
    telling = (
        (inside * n >= min(n, max(MIN_BOOKS, round(MIN_SHARE * n))))
        & (words.authors[[cluster]].toarray()[0] >= min_authors)
        & ((inside >= WORD_LIFT * outside) | (n == n_all))
    )
    return distinct(words.forms[term] for term in _best_first(words, cluster) if telling[term])


def _leading_genres(genres: Terms, cluster: int, sizes: NDArray[np.int64]) -> tuple[list[str], list[str]]:
    """Genres frequent in the cluster and rare elsewhere, highest weight first; then those only frequent in it."""
    n, n_all = int(sizes[cluster]), int(sizes.sum())
    inside, outside = _shares(genres, cluster, sizes)
    is_common = inside >= GENRE_SHARE
    sets_apart = inside >= np.where(is_common, GENRE_LIFT, RARE_GENRE_LIFT) * outside
    is_rare = genres.books.sum(axis=0) <= COMMON_GENRE * n_all
    is_genre = (inside >= RARE_GENRE_SHARE) & [_SHELF_WORDS.isdisjoint(plain_words(form)) for form in genres.forms]
    leads = is_genre & ((sets_apart & is_rare) | (n == n_all))
    best = _best_first(genres, cluster)
    return (
        distinct(genres.forms[term] for term in best if leads[term]),
        distinct(genres.forms[term] for term in best if is_genre[term] and is_common[term] and not leads[term]),
    )


def _shares(terms: Terms, cluster: int, sizes: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of the books inside and outside the cluster that have each term, float64, (n_terms,)."""
    n_inside = terms.books[[cluster]].toarray()[0]
    n_outside = terms.books.sum(axis=0) - n_inside
    return n_inside / max(sizes[cluster], 1), n_outside / max(sizes.sum() - sizes[cluster], 1)


def _best_first(terms: Terms, cluster: int) -> list[int]:
    """The cluster's terms by weight, then by form."""
    row = terms.weights[[cluster]]
    weight = dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))
    return sorted(weight, key=lambda term: (-weight[term], terms.forms[term]))


def _free_name(genres: list[str], words: list[str], common: list[str], taken: set[str]) -> str | None:
    """The first free name of one or two genres and words without repetition; `None` if there is none."""
    for skip in range(max(len(words), 1)):
        for n_genres in (2, 1, 3, 0):
            terms = distinct([*genres[:n_genres], *words[skip:], *genres[n_genres:], *common])[:N_NAME_TERMS]
            name = SEPARATOR.join(terms)
            if name and name not in taken:
                return name
    return None
