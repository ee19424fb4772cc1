"""Beyond-accuracy metrics of lists: coverage, popularity, novelty, similarity and calibration.

`ranked`, int, (n_users, n): item indexes, best first, padded with -1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

_SMOOTHING = 0.01  # Steck's alpha: keeps the divergence finite if a list lacks a genre
_USERS_AT_ONCE = 1024


def coverage(ranked: NDArray[np.int32], active: NDArray[np.bool_]) -> float:
    """Share of the active books that are in at least one list.

    Herlocker, Konstan, Terveen and Riedl, "Evaluating collaborative filtering recommender systems", ACM TOIS 22 (2004).
    """
    return len(np.unique(ranked[ranked >= 0])) / max(int(active.sum()), 1)


def gini(ranked: NDArray[np.int32], active: NDArray[np.bool_]) -> float:
    """Gini coefficient of how often each active book is shown: 0 if all equally often, near 1 if always the same few.

    Fleder and Hosanagar, "Blockbuster culture's next rise or fall", Management Science 55 (2009).
    """
    times = np.sort(np.bincount(ranked[ranked >= 0], minlength=len(active))[active])
    n, total = len(times), times.sum()
    if not total:
        return float("nan")
    return float(((2 * np.arange(1, n + 1) - n - 1) * times).sum() / (n * total))


def mean_popularity_share(
    ranked: NDArray[np.int32], popularity: NDArray[np.int64], active: NDArray[np.bool_], *, top_share: float = 0.01
) -> float:
    """Share of the places that go to the most popular books, `top_share` of the active ones."""
    shown = ranked[ranked >= 0]
    item_index = np.flatnonzero(active)
    n_top = max(1, round(len(item_index) * top_share))
    top = item_index[np.argsort(-popularity[item_index], kind="stable")[:n_top]]
    return float(np.isin(shown, top).mean()) if len(shown) else float("nan")


def novelty(ranked: NDArray[np.int32], popularity: NDArray[np.int64], n_users: int) -> NDArray[np.float64]:
    """Mean self-information of each user's books, in bits: -log2 of the add-one smoothed share of users who like it.

    Vargas and Castells, "Rank and relevance in novelty and diversity metrics for recommender systems", RecSys 2011.

    Args:
        ranked: the lists.
        popularity: int64, (n_books,): number of users in the training part who like each book.
        n_users: number of users in the training part.
    """
    bits = -np.log2((popularity + 1) / (n_users + 1))
    return _mean_of_list(np.where(ranked >= 0, bits[ranked], 0.0), ranked)


def intra_list_similarity(ranked: NDArray[np.int32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean pairwise cosine of the books in a list; NaN with fewer than two described books.

    Ziegler, McNee, Konstan and Lausen, "Improving recommendation lists through topic diversification", WWW 2005.

    Args:
        ranked: the lists.
        vectors: float32, (n_books, dim), unit rows; zero rows for books without a description.
    """
    similarity = np.full(len(ranked), np.nan)
    for first in range(0, len(ranked), _USERS_AT_ONCE):
        some = ranked[first : first + _USERS_AT_ONCE]
        own = np.where((some >= 0)[:, :, None], vectors[some], np.float32(0))
        n = own.any(axis=2).sum(axis=1)
        sums = own.sum(axis=1, dtype=np.float64)
        pairs = n * (n - 1)  # |sum of unit vectors|² = n + sum of the cosines of all ordered pairs
        np.divide((sums**2).sum(axis=1) - n, pairs, out=similarity[first : first + len(some)], where=pairs > 0)
    return similarity


def calibration_kl(ranked: NDArray[np.int32], history: csr_matrix, genres: csr_matrix) -> NDArray[np.float64]:
    """Kullback-Leibler divergence, in nats, of a list's genres from those of the books the user liked; 0 is best.

    Steck, "Calibrated recommendations", RecSys 2018. NaN if the history or the list has no genre.

    Args:
        ranked: the lists.
        history: float32, (n_users, n_books), sparse: 1 for each book the user liked before.
        genres: float32, (n_books, n_genres), sparse: rows sum to 1, empty for books without a genre.
    """
    rows, _ = np.nonzero(ranked >= 0)
    shape = (len(ranked), genres.shape[0])
    listed = csr_matrix((np.ones(len(rows), np.float32), (rows, ranked[ranked >= 0])), shape=shape)
    divergence = np.full(len(ranked), np.nan)
    for first in range(0, len(ranked), _USERS_AT_ONCE):
        some = slice(first, first + _USERS_AT_ONCE)
        wanted, shown = (np.asarray((of[some] @ genres).todense(), np.float64) for of in (history, listed))
        defined = (wanted.sum(axis=1) > 0) & (shown.sum(axis=1) > 0)
        wanted, shown = (of[defined] / of[defined].sum(axis=1, keepdims=True) for of in (wanted, shown))
        smoothed = (1 - _SMOOTHING) * shown + _SMOOTHING * wanted
        ratio = np.divide(wanted, smoothed, out=np.ones_like(wanted), where=wanted > 0)
        divergence[some][defined] = (wanted * np.log(ratio)).sum(axis=1)
    return divergence


def genre_shares(genres: list[list[str]]) -> csr_matrix:
    """float32, (n_books, n_genres), sparse: each book's weight divided evenly over its genres."""
    names = {name: place for place, name in enumerate(sorted({name for own in genres for name in own}))}
    own = [sorted(set(of_book)) for of_book in genres]
    rows = np.repeat(np.arange(len(own)), [len(of_book) for of_book in own])
    columns = [names[name] for of_book in own for name in of_book]
    shares = np.array([1 / len(of_book) for of_book in own for _ in of_book], np.float32)
    return csr_matrix((shares, (rows, columns)), shape=(len(genres), max(len(names), 1)))


def _mean_of_list(values: NDArray[np.float64], ranked: NDArray[np.int32]) -> NDArray[np.float64]:
    n = (ranked >= 0).sum(axis=1)
    mean = np.full(len(ranked), np.nan)
    np.divide(values.sum(axis=1), n, out=mean, where=n > 0)
    return mean
