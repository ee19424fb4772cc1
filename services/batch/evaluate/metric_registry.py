"""Every metric of an evaluation by name: what it is, and how it is computed for many users at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.batch.evaluate.evaluation import MetricMetadata
from services.batch.metrics.beyond_accuracy import (
    calibration_kl,
    coverage,
    gini,
    intra_list_similarity,
    mean_popularity_share,
    novelty,
)
from services.batch.metrics.ranking import hit_rate_at, ndcg_at, recall_at, reciprocal_rank_at
from services.batch.metrics.splits import Split

LONGEST = 50  # places a system is asked to fill
SHOWN = 10  # places a reader sees: what the measures of lists look at

_RECALL = "Herlocker et al., ACM TOIS 22 (2004)"
_NDCG = "Järvelin and Kekäläinen, ACM TOIS 20 (2002)"

METRICS: dict[str, MetricMetadata] = {
    **{
        f"ndcg_at_{k}": MetricMetadata(
            title=f"NDCG@{k}",
            meaning=f"How near the first {k} are to the best possible list, early places counting more.",
            source=_NDCG,
            better="higher",
            about="accuracy",
        )
        for k in (10, 20)
    },
    **{
        f"recall_at_{k}": MetricMetadata(
            title=f"Recall@{k}",
            meaning=f"Share of what the user came to like that is among the first {k}.",
            source=_RECALL,
            better="higher",
            about="accuracy",
        )
        for k in (10, 20, 50)
    },
    "reciprocal_rank_at_10": MetricMetadata(
        title="MRR@10",
        meaning="One over the place of the first book the user came to like, 0 if it is not among ten.",
        source="Voorhees, TREC-8 (1999)",
        better="higher",
        about="accuracy",
    ),
    "hit_rate_at_10": MetricMetadata(
        title="Hit rate@10",
        meaning="Share of users who came to like at least one of ten.",
        source="Deshpande and Karypis, ACM TOIS 22 (2004)",
        better="higher",
        about="accuracy",
    ),
    "coverage_at_10": MetricMetadata(
        title="Coverage@10",
        meaning="Share of all books that are shown to anyone among ten.",
        source=_RECALL,
        better="higher",
        about="lists",
    ),
    "gini_at_10": MetricMetadata(
        title="Gini@10",
        meaning="How unequally often books are shown: 0 all the same, 1 always one.",
        source="Fleder and Hosanagar, Management Science 55 (2009)",
        better="lower",
        about="lists",
    ),
    "top_share_at_10": MetricMetadata(
        title="Top 1%@10",
        meaning="Share of the places that go to the most popular 1 % of the books.",
        source="Celma, Music Recommendation and Discovery (2010)",
        better="lower",
        about="lists",
    ),
    "novelty_at_10": MetricMetadata(
        title="Novelty@10",
        meaning="How little known the books shown are: bits, one more for half as many readers.",
        source="Vargas and Castells, RecSys 2011",
        better="neither",
        about="lists",
    ),
    "similarity_at_10": MetricMetadata(
        title="Alike@10",
        meaning="Mean cosine between the descriptions of the books of one list.",
        source="Ziegler et al., WWW 2005",
        better="neither",
        about="lists",
    ),
    "miscalibration_at_10": MetricMetadata(
        title="Genres off@10",
        meaning="How far the genres of a list are from those of the user's books; 0 is true to them.",
        source="Steck, RecSys 2018",
        better="lower",
        about="lists",
    ),
}

_OF_USERS: dict[str, Callable[[NDArray[np.int32], csr_matrix], NDArray[np.float64]]] = {
    **{f"ndcg_at_{k}": partial(ndcg_at, k=k) for k in (10, 20)},
    **{f"recall_at_{k}": partial(recall_at, k=k) for k in (10, 20, 50)},
    "reciprocal_rank_at_10": partial(reciprocal_rank_at, k=10),
    "hit_rate_at_10": partial(hit_rate_at, k=10),
}


@dataclass(frozen=True, slots=True)
class BookMetadata:
    """What the measures of lists need to know of the books.

    Attributes:
        vectors: float32, (n_books, dim), unit rows of the content artifact; `None` without one.
        genres: float32, (n_books, n_genres), sparse, see `list_measures.genre_shares`.
    """

    vectors: NDArray[np.float32] | None
    genres: csr_matrix


def accuracy_of_users(ranked: NDArray[np.int32], relevant: csr_matrix) -> dict[str, NDArray[np.float64]]:
    """Every metric of accuracy, user by user, float64, (n_users,)."""
    return {name: metric(ranked, relevant) for name, metric in _OF_USERS.items()}


def lists_of_users(ranked: NDArray[np.int32], split: Split, books: BookMetadata) -> dict[str, NDArray[np.float64]]:
    """Measures of lists that are one number a user, float64, (n_users,), NaN where there is none."""
    shown, training = ranked[:, :SHOWN], split.training
    measures = {
        "novelty_at_10": novelty(shown, training.popularity, len(training.users)),
        "miscalibration_at_10": calibration_kl(shown, training.positive_interactions[split.rows], books.genres),
    }
    if books.vectors is not None:
        measures["similarity_at_10"] = intra_list_similarity(shown, books.vectors)
    return measures


def lists_of_all(ranked: NDArray[np.int32], split: Split) -> dict[str, float]:
    """Measures of lists that are one number for all users."""
    shown, training = ranked[:, :SHOWN], split.training
    measures = {
        "coverage_at_10": coverage(shown, training.active),
        "gini_at_10": gini(shown, training.active),
        "top_share_at_10": mean_popularity_share(shown, training.popularity, training.active),
    }
    return {name: value for name, value in measures.items() if value == value}  # noqa: PLR0124  # NaN: nothing shown
