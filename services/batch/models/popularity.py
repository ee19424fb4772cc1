"""The popularity artifact: counts, averages and popular lists, as `shared.artifacts.popularity` describes the files.

Published values of a source (average rating, number of ratings) are used as they are; missing ones are computed from
the ratings. Ratings are on the scale 1-5.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
from numpy.typing import NDArray

from services.batch.ingest.feedback import positive_rows
from services.batch.ingest.interactions import Interactions
from services.batch.runtime.artifact_builder import Metadata
from shared.errors import ArtifactError
from shared.settings import UserStateSettings

if TYPE_CHECKING:
    import pandas as pd

N_OVERALL = 500
N_EACH = 200  # maximum list length of a genre or a cluster
LEAST_BOOKS = 3  # minimum books of a genre with a list
NEUTRAL_RATING = 3.0  # the prior mean without any rating: the middle of the scale
USUAL_SPREAD = 1.0  # default variance of the ratings of one book, in stars², with too few ratings to estimate it
LEAST_FREEDOM = 100  # minimum degrees of freedom to estimate the variance within a book
STRENGTH_BOUNDS = (1.0, 1000.0)  # ratings


@dataclass(frozen=True, slots=True)
class Ranking:
    """All books ranked by popularity.

    Attributes:
        item_index: int32, (n_active,), active books, most popular first.
        n_ratings: int64, (n_books,).
        average: float64, (n_books,), stars, NaN without ratings.
        bayesian: float32, (n_books,), the Bayesian average, in stars.
        prior_mean: stars.
        prior_strength: ratings.
    """

    item_index: NDArray[np.int32]
    n_ratings: NDArray[np.int64]
    average: NDArray[np.float64]
    bayesian: NDArray[np.float32]
    prior_mean: float
    prior_strength: float


def build_popularity(
    folder: Path,
    books: pd.DataFrame,
    interactions: Interactions,
    cluster_of: NDArray[np.int32],
    settings: UserStateSettings,
) -> Metadata:
    """Write the popularity artifact's files into `folder`.

    Lists contain active books only, ranked by positive interactions, then Bayesian average, then item index.

    Args:
        folder: an empty folder.
        books: the snapshot's books, row i has item index i.
        interactions: the snapshot's interactions.
        cluster_of: int32, (n_books,), the cluster of each book, -1 for none.
        settings: define which interactions are positive.

    Returns:
        Counts, and the prior of the Bayesian average: its mean in stars and its strength in ratings.

    Raises:
        ArtifactError: the number of clusters differs from the number of books, or an item index is unknown.
    """
    if len(cluster_of) != len(books):
        raise ArtifactError(f"There are {len(books)} books, but cluster assignments of {len(cluster_of)}.")
    ranking = rank_by_popularity(books, interactions, settings)
    genres = _by_genre(ranking.item_index, books["genres"].tolist())
    popular = {
        "overall": ranking.item_index[:N_OVERALL].tolist(),
        "genres": genres,
        "clusters": _by_cluster(ranking.item_index, cluster_of),
    }
    np.save(folder / "popular.npy", ranking.item_index)
    np.save(folder / "n_ratings.npy", ranking.n_ratings)
    np.save(folder / "average_rating.npy", ranking.average.astype(np.float32))
    np.save(folder / "bayesian_average.npy", ranking.bayesian)
    (folder / "popular.json").write_bytes(orjson.dumps(popular))
    return {
        "n_books": len(books),
        "n_rated": int((~np.isnan(ranking.average)).sum()),
        "n_genres": len(genres),
        "prior_mean": round(ranking.prior_mean, 4),
        "prior_strength": round(ranking.prior_strength, 4),
    }


def _by_genre(ranked: NDArray[np.int32], genres: list[list[str] | None]) -> dict[str, list[int]]:
    """The most popular books of each genre with enough books."""
    by_genre: dict[str, list[int]] = defaultdict(list)
    for number in ranked.tolist():
        for genre in dict.fromkeys([] if genres[number] is None else genres[number]):
            by_genre[genre].append(number)
    return {
        genre: item_index[:N_EACH] for genre, item_index in sorted(by_genre.items()) if len(item_index) >= LEAST_BOOKS
    }


def _by_cluster(ranked: NDArray[np.int32], cluster_of: NDArray[np.int32]) -> dict[str, list[int]]:
    by_cluster: dict[str, list[int]] = defaultdict(list)
    for number, cluster in zip(ranked.tolist(), cluster_of[ranked].tolist(), strict=True):
        if cluster >= 0:
            by_cluster[str(cluster)].append(number)
    return {cluster: item_index[:N_EACH] for cluster, item_index in by_cluster.items()}


def rank_by_popularity(books: pd.DataFrame, interactions: Interactions, settings: UserStateSettings) -> Ranking:
    """Count, average and rank the books; arguments and errors as for `build_popularity`."""
    n_ratings, average, spread = _ratings(books, interactions)
    mean, strength = prior(n_ratings, average, spread)
    rated = np.nan_to_num(average, nan=mean)
    weight = np.where(np.isnan(average), 0, n_ratings)
    bayesian = ((strength * mean + weight * rated) / (strength + weight)).astype(np.float32)
    n_positive = _count(interactions.item_index[positive_rows(interactions, settings)], len(books))
    ranked = np.lexsort((np.arange(len(books)), -bayesian, -n_positive))
    ranked = ranked[books["active"].to_numpy(bool)[ranked]].astype(np.int32)
    return Ranking(ranked, n_ratings, average, bayesian, mean, strength)


def prior(n_ratings: NDArray[np.int64], average: NDArray[np.float64], spread: float | None) -> tuple[float, float]:
    """Mean (stars) and strength (ratings) of the prior of the Bayesian average.

    The mean is that of all ratings. The strength is Bühlmann's credibility constant K = E[variance within a book] /
    Var[true mean of a book] ("Experience rating and credibility", ASTIN Bulletin 4, 1967); the variance of true means
    is the variance of the averages minus the sampling variance. It is clipped to 1 to 1,000.

    Args:
        n_ratings: int64, (n_books,).
        average: float64, (n_books,), NaN without ratings.
        spread: variance of the ratings of one book, in stars²; `None` with too few ratings to estimate it.
    """
    rated = ~np.isnan(average) & (n_ratings > 0)
    if not rated.any():
        return NEUTRAL_RATING, STRENGTH_BOUNDS[0]
    n, averages = n_ratings[rated].astype(np.float64), average[rated]
    mean = float((n * averages).sum() / n.sum())
    within = USUAL_SPREAD if spread is None else spread
    between = float(averages.var()) - within * float((1 / n).mean())
    strength = within / between if between > 0 else STRENGTH_BOUNDS[1]
    return mean, float(np.clip(strength, *STRENGTH_BOUNDS))


def _ratings(
    books: pd.DataFrame, interactions: Interactions
) -> tuple[NDArray[np.int64], NDArray[np.float64], float | None]:
    """Number and average of each book's ratings, and the variance within a book; `None` with too few ratings."""
    rated = interactions.take(interactions.has_kind("rating") & ~np.isnan(interactions.value))
    item_index, values = rated.item_index, rated.value
    counted = _count(item_index, len(books))
    sums = np.bincount(item_index, values, minlength=len(books))
    means = np.full(len(books), np.nan)
    np.divide(sums, counted, out=means, where=counted > 0)
    free = len(values) - int((counted > 0).sum())
    spread = float(((values - means[item_index]) ** 2).sum() / free) if free >= LEAST_FREEDOM else None

    published_n = books["n_ratings"].to_numpy(np.float64, na_value=np.nan)
    published = books["average_rating"].to_numpy(np.float64, na_value=np.nan)
    n_ratings = np.where(np.isnan(published_n), counted, published_n).astype(np.int64)
    return n_ratings, np.where(np.isnan(published), means, published), spread


def _count(item_index: NDArray[np.int32], n_books: int) -> NDArray[np.int64]:
    """Count each item index.

    Raises:
        ArtifactError: an item index is unknown.
    """
    if len(item_index) and not 0 <= int(item_index.min()) <= int(item_index.max()) < n_books:
        raise ArtifactError(
            f"An interaction has item index {int(item_index.max())}; there are {n_books} books.",
            hint="Books and interactions belong to different snapshots. Run `nightshelf ingest` again.",
        )
    return np.bincount(item_index, minlength=n_books).astype(np.int64)
