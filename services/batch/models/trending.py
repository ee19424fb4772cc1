"""Trending books: what is liked most just now. A like counts half as much after a short half-life.

Files, in the collaborative artifact: `trending.numbers.npy`, int32, (n,), best first, and `trending.scores.npy`,
float32, (n,).
"""

from __future__ import annotations

import numpy as np

from services.batch.ingest.histories import Histories
from services.batch.models.item_transitions import without_noise
from shared.recommend.neighbor_table import Candidates

N_TRENDING = 200  # more than are blended: a reader has seen some


def trending_books(histories: Histories, half_life: float) -> Candidates:
    """The books liked most of late, best first, ties by book number.

    Args:
        histories: who liked what, and when.
        half_life: share of all likes after which one counts half.
    """
    recency = histories.recency(half_life)
    scores = without_noise(
        np.bincount(histories.books, weights=recency, minlength=histories.n_books).astype(np.float64)
    )
    best = np.argsort(-scores, kind="stable")[:N_TRENDING].astype(np.int32)
    best = best[scores[best] > 0]
    return best, scores[best]
