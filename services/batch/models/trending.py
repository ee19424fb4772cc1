"""Trending books: the most liked books now. The weight of a like decays with a short half-life.

Files, in the collaborative artifact: `trending.numbers.npy`, int32, (n,), best first, and `trending.scores.npy`,
float32, (n,).
"""

from __future__ import annotations

import numpy as np

from services.batch.ingest.histories import Histories
from services.batch.models.item_transitions import without_noise
from shared.recommend.neighbor_table import NO_CANDIDATES, Candidates

N_TRENDING = 200  # more than the blend uses, because a user has seen some


def trending_books(histories: Histories, half_life: float) -> Candidates:
    """The books with the most recent likes, best first, ties by item index.

    Args:
        histories: the liked books of all users; unless their order is `time`, no book is trending.
        half_life: the age, as a share of all likes, at which a like has half its weight.
    """
    if histories.order != "time":
        return NO_CANDIDATES
    recency = histories.recency(half_life)
    scores = without_noise(
        np.bincount(histories.books, weights=recency, minlength=histories.n_books).astype(np.float64)
    )
    best = np.argsort(-scores, kind="stable")[:N_TRENDING].astype(np.int32)
    best = best[scores[best] > 0]
    return best, scores[best]
