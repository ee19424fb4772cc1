"""Test users by the length of their history, and test books by popularity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.batch.evaluate.evaluation import GroupFacts
from services.batch.metrics.splits import Split

_N_ACTIVITY_GROUPS = 4
_SHARES = (0.01, 0.1, 0.5, 1.0)  # of the liked books, most popular first


def activity_groups(split: Split) -> tuple[list[GroupFacts], list[NDArray[np.bool_]]]:
    """At most four groups of about equal size, by number of positive books, with masks, bool, (n_users,)."""
    n_liked = np.diff(split.training.positive_interactions.indptr)[split.rows]
    bounds = np.unique(np.quantile(n_liked, np.linspace(0, 1, _N_ACTIVITY_GROUPS + 1), method="nearest"))
    lows = [int(bounds[0]), *(int(bound) + 1 for bound in bounds[1:-1])]
    highs = [int(bound) for bound in bounds[1:]] or lows
    groups, masks = [], []
    for low, high in zip(lows, highs, strict=True):
        mask = (n_liked >= low) & (n_liked <= high)
        groups.append(GroupFacts(title=f"{low} to {high} liked", low=low, high=high, n=int(mask.sum())))
        masks.append(mask)
    return groups, masks


def popularity_groups(split: Split) -> tuple[list[GroupFacts], list[csr_matrix]]:
    """Groups of test books: the most popular 1 %, up to 10 %, up to 50 %, the rest, and books without earlier likes.

    Each comes with its part of `split.relevant`.
    """
    popularity = split.training.popularity
    liked = np.sort(popularity[popularity > 0])[::-1]
    lows = [int(liked[max(0, round(len(liked) * share) - 1)]) for share in _SHARES] if len(liked) else []
    titles = ["top 1 %", "1 to 10 %", "10 to 50 %", "less popular", "never liked before"]
    groups, parts = [], []
    high = int(liked[0]) if len(liked) else 0
    for title, low in zip(titles, [*lows, 0], strict=False) if lows else [(titles[-1], 0)]:
        part = _only(split.relevant, (popularity >= low) & (popularity <= high))
        groups.append(GroupFacts(title=title, low=low, high=high, n=int(part.nnz)))
        parts.append(part)
        high = low - 1
    return groups, parts


def _only(relevant: csr_matrix, wanted: NDArray[np.bool_]) -> csr_matrix:
    rows, item_index = relevant.nonzero()
    kept = wanted[item_index]
    return csr_matrix((np.ones(int(kept.sum()), np.int8), (rows[kept], item_index[kept])), shape=relevant.shape)
