"""Popular books, spread over clusters, for short lists and unknown users."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.recommend.blend import Blended

N_SPREAD = 500
"""The first books of a popular list, which are spread over clusters."""


def first_of_each_work(item_index: NDArray[np.int32], work_id: NDArray[np.int32]) -> NDArray[np.int32]:
    """Keep only the first edition of each work in a list.

    Args:
        item_index: int32, (n,), best first.
        work_id: int32, (n_books,), the work of each book.
    """
    return item_index[np.sort(np.unique(work_id[item_index], return_index=True)[1])]


def popular_by_cluster(overall: NDArray[np.int32], cluster_of: NDArray[np.int32]) -> NDArray[np.int32]:
    """Reorder a popular list in rounds of one book per cluster, most popular first in each round."""
    met: dict[int, int] = {}
    rounds = []
    for cluster in cluster_of[overall].tolist():
        rounds.append(met.get(cluster, 0))
        met[cluster] = rounds[-1] + 1
    return overall[np.argsort(np.array(rounds, np.int32), kind="stable")]


def popular_spread(
    ranked: NDArray[np.int32], work_id: NDArray[np.int32], cluster_of: NDArray[np.int32]
) -> NDArray[np.int32]:
    """One edition of every work: those among the first `N_SPREAD` books spread over clusters, then the others.

    Args:
        ranked: int32, (n,), all recommendable books, most popular first.
        work_id: int32, (n_books,), the work of each book.
        cluster_of: int32, (n_books,), the cluster of each book.
    """
    first = first_of_each_work(ranked, work_id)
    n_head = len(first_of_each_work(ranked[:N_SPREAD], work_id))
    return np.concatenate((popular_by_cluster(first[:n_head], cluster_of), first[n_head:]))


def popularity_backfill(
    items: Blended, spread: NDArray[np.int32], work_id: NDArray[np.int32], seen: NDArray[np.int32], limit: int
) -> Blended:
    """Fill a short list with popular books, spread over clusters.

    In an empty list, scores fall linearly with the rank. After blended books, they are 0.

    Args:
        items: the list so far, best first.
        spread: int32, popular books, one per work, ordered by `popular_spread`.
        work_id: int32, (n_books,), the work of each book.
        seen: int32, books to leave out with all their editions.
        limit: number of books wanted.
    """
    taken = np.concatenate((seen[seen < len(work_id)], items.item_index))
    works = np.unique(work_id[taken])
    n_wanted = max(limit - len(items.item_index), 0)
    first = spread[: n_wanted + len(works)]  # of distinct works: enough, even if every taken one is among them
    fresh = first[~np.isin(work_id[first], works)][:n_wanted]
    alone = not len(items.item_index)
    scores = (
        np.linspace(1, 0, len(fresh), endpoint=False, dtype=np.float32) if alone else np.zeros(len(fresh), np.float32)
    )
    absent = np.full((len(items.own), len(fresh)), np.nan, np.float32)
    return Blended(
        item_index=np.concatenate((items.item_index, fresh)),
        scores=np.concatenate((items.scores, scores)),
        own=np.concatenate((items.own, absent), axis=1),
    )
