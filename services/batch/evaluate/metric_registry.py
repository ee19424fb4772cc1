"""All metrics of an evaluation by name, with their descriptions and functions."""

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

LONGEST = 50  # length of the lists to rank
SHOWN = 10  # length of the lists shown to readers: the list metrics use these places

_RECALL = "Herlocker et al., ACM TOIS 22 (2004)"
_NDCG = "Järvelin and Kekäläinen, ACM TOIS 20 (2002)"

METRICS: dict[str, MetricMetadata] = {
    **{
        f"ndcg_at_{k}": MetricMetadata(
            title=f"NDCG@{k}",
            meaning=f"Gain of the first {k} relative to the best possible list; early places count more.",
            source=_NDCG,
            better="higher",
            about="accuracy",
        )
        for k in (10, 20)
    },
    **{
        f"recall_at_{k}": MetricMetadata(
            title=f"Recall@{k}",
            meaning=f"Share of the user's test books that are among the first {k}.",
            source=_RECALL,
            better="higher",
            about="accuracy",
        )
        for k in (10, 20, 50)
    },
    "reciprocal_rank_at_10": MetricMetadata(
        title="MRR@10",
        meaning="One over the rank of the first test book among the first 10; 0 if there is none.",
        source="Voorhees, TREC-8 (1999)",
        better="higher",
        about="accuracy",
    ),
    "hit_rate_at_10": MetricMetadata(
        title="Hit rate@10",
        meaning="Share of users with at least one test book among the first 10.",
        source="Deshpande and Karypis, ACM TOIS 22 (2004)",
        better="higher",
        about="accuracy",
    ),
    "coverage_at_10": MetricMetadata(
        title="Coverage@10",
        meaning="Share of all books that are in at least one user's first 10.",
        source=_RECALL,
        better="higher",
        about="lists",
    ),
    "gini_at_10": MetricMetadata(
        title="Gini@10",
        meaning="Inequality of how often books are shown: 0 if all equally often, 1 if always the same one.",
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
        meaning="Self-information of the books shown, in bits: one more bit for half as many readers.",
        source="Vargas and Castells, RecSys 2011",
        better="neither",
        about="lists",
    ),
    "similarity_at_10": MetricMetadata(
        title="Alike@10",
        meaning="Mean cosine between the descriptions of the books in a list.",
        source="Ziegler et al., WWW 2005",
        better="neither",
        about="lists",
    ),
    "miscalibration_at_10": MetricMetadata(
        title="Genres off@10",
        meaning="Divergence of the genres of a list from those of the user's books; 0 if they are the same.",
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
    """Book metadata for the list metrics.

    Attributes:
        vectors: float32, (n_books, dim), unit rows of the content artifact; `None` without one.
        genres: float32, (n_books, n_genres), sparse, see `beyond_accuracy.genre_shares`.
    """

    vectors: NDArray[np.float32] | None
    genres: csr_matrix


def accuracy_of_users(ranked: NDArray[np.int32], relevant: csr_matrix) -> dict[str, NDArray[np.float64]]:
    """Each accuracy metric per user, float64, (n_users,)."""
    return {name: metric(ranked, relevant) for name, metric in _OF_USERS.items()}


def lists_of_users(ranked: NDArray[np.int32], split: Split, books: BookMetadata) -> dict[str, NDArray[np.float64]]:
    """List metrics with one value per user, float64, (n_users,), NaN if undefined."""
    shown, training = ranked[:, :SHOWN], split.training
    measures = {
        "novelty_at_10": novelty(shown, training.popularity, len(training.users)),
        "miscalibration_at_10": calibration_kl(shown, training.positive_interactions[split.rows], books.genres),
    }
    if books.vectors is not None:
        measures["similarity_at_10"] = intra_list_similarity(shown, books.vectors)
    return measures


def lists_of_all(ranked: NDArray[np.int32], split: Split) -> dict[str, float]:
    """List metrics with one value for all users."""
    shown, training = ranked[:, :SHOWN], split.training
    measures = {
        "coverage_at_10": coverage(shown, training.active),
        "gini_at_10": gini(shown, training.active),
        "top_share_at_10": mean_popularity_share(shown, training.popularity, training.active),
    }
    return {name: value for name, value in measures.items() if value == value}  # noqa: PLR0124  # NaN: nothing shown
