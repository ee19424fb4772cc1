"""Accuracy metrics of one ranked list per user against the user's test books.

All take `ranked`, int, (n_users, n): item indexes, best first, padded with -1; and `relevant`, sparse, (n_users,
n_books): a stored entry per relevant book. Metrics return float64, (n_users,), NaN for a user without relevant books.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix


def hits(ranked: NDArray[np.int32], relevant: csr_matrix) -> NDArray[np.bool_]:
    """bool, same shape as `ranked`: whether each place has a relevant book."""
    n_users, n_books = relevant.shape
    relevant = relevant.sorted_indices()
    stored = np.repeat(np.arange(n_users), np.diff(relevant.indptr)) * n_books + relevant.indices
    wanted = np.arange(n_users)[:, None] * n_books + ranked
    place = np.minimum(np.searchsorted(stored, wanted), max(len(stored) - 1, 0))
    found = stored[place] == wanted if len(stored) else np.zeros(ranked.shape, np.bool_)
    return np.asarray(found & (ranked >= 0), np.bool_)


def recall_at(ranked: NDArray[np.int32], relevant: csr_matrix, k: int) -> NDArray[np.float64]:
    """Share of the relevant books that are among the first `k`.

    Herlocker, Konstan, Terveen and Riedl, "Evaluating collaborative filtering recommender systems", ACM TOIS 22 (2004).
    """
    return _divided(hits(ranked[:, :k], relevant).sum(axis=1), _n_relevant(relevant))


def ndcg_at(ranked: NDArray[np.int32], relevant: csr_matrix, k: int) -> NDArray[np.float64]:
    """DCG of the first `k`, with 1 / log2(rank + 1) per relevant book, divided by the DCG of the ideal list.

    The ideal list starts with min(k, relevant) relevant books. Järvelin and Kekäläinen, "Cumulated gain-based
    evaluation of IR techniques", ACM TOIS 20 (2002); binary gain.
    """
    discounts = 1 / np.log2(np.arange(2, k + 2))
    gained = hits(ranked[:, :k], relevant) @ discounts[: ranked.shape[1]]
    n_relevant = _n_relevant(relevant)
    ideal = np.concatenate(([0.0], np.cumsum(discounts)))[np.minimum(n_relevant, k)]
    return _divided(gained, ideal)


def reciprocal_rank_at(ranked: NDArray[np.int32], relevant: csr_matrix, k: int) -> NDArray[np.float64]:
    """One over the rank of the first relevant book among the first `k`, 0 if there is none; the mean is the MRR.

    Voorhees, "The TREC-8 question answering track report", TREC-8 (1999).
    """
    ranks = np.arange(1, ranked[:, :k].shape[1] + 1)
    first = (hits(ranked[:, :k], relevant) / ranks).max(axis=1, initial=0.0)
    return _divided(first, np.minimum(_n_relevant(relevant), 1))


def hit_rate_at(ranked: NDArray[np.int32], relevant: csr_matrix, k: int) -> NDArray[np.float64]:
    """1 if a relevant book is among the first `k`, else 0.

    Deshpande and Karypis, "Item-based top-N recommendation algorithms", ACM TOIS 22 (2004).
    """
    n_found = hits(ranked[:, :k], relevant).sum(axis=1)
    return _divided(np.minimum(n_found, 1), np.minimum(_n_relevant(relevant), 1))


def _n_relevant(relevant: csr_matrix) -> NDArray[np.int64]:
    return np.diff(relevant.indptr).astype(np.int64)


def _divided(
    above: NDArray[np.float64] | NDArray[np.int64], below: NDArray[np.float64] | NDArray[np.int64]
) -> NDArray[np.float64]:
    """`above` / `below`, NaN if `below` is 0."""
    quotient = np.full(len(below), np.nan)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient
