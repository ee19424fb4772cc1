"""The popularity artifact: counts, averages and popular lists, as `shared.artifacts.popularity` describes the files.

What a source publishes of a book (average rating, number of ratings) is taken as it is, field by field; the rest is
counted from the ratings at hand. Ratings are on the scale 1-5.
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
N_EACH = 200  # books in the list of a genre or a cluster
LEAST_BOOKS = 3  # of a genre that gets a list
NEUTRAL_RATING = 3.0  # the prior mean where there is no rating at all: the middle of the scale
USUAL_SPREAD = 1.0  # variance of the ratings of one book, in stars², where there are too few to measure it
LEAST_FREEDOM = 100  # degrees of freedom from which the variance within a book is measured
STRENGTH_BOUNDS = (1.0, 1000.0)  # ratings


@dataclass(frozen=True, slots=True)
class Ranking:
    """All books by how popular they are.

    Attributes:
        item_index: int32, (n_active,), active books, most popular first.
        n_ratings: int64, (n_books,).
        average: float64, (n_books,), stars, NaN where nobody rated.
        bayesian: float32, (n_books,), the average pulled towards the prior.
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

    Lists hold active books only, ranked by positive interactions, then Bayesian average, then book number.

    Args:
        folder: an empty folder.
        books: the snapshot's books, row i is book number i.
        interactions: the snapshot's interactions.
        cluster_of: int32, (n_books,), the cluster of each book, -1 for none.
        settings: says which interactions are positive.

    Returns:
        Counts, and the prior of the Bayesian average: its mean in stars and its strength in ratings.

    Raises:
        ArtifactError: the clusters do not belong to these books, or an interaction names a book that is not there.
    """
    if len(cluster_of) != len(books):
        raise ArtifactError(f"{len(books)} books came with the clusters of {len(cluster_of)}.")
    ranking = rank_by_popularity(books, interactions, settings)
    genres = _by_genre(ranking.item_index, books["genres"].tolist())
    popular = {
        "overall": ranking.item_index[:N_OVERALL].tolist(),
        "genres": genres,
        "clusters": _by_cluster(ranking.item_index, cluster_of),
    }
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
    """The first books of each genre that has enough of them."""
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
    """Mean (stars) and strength (ratings) of the prior: what a book without ratings is worth, and how firmly.

    The mean is that of all ratings. The strength is Bühlmann's credibility constant K = E[variance within a book] /
    Var[true mean of a book] ("Experience rating and credibility", ASTIN Bulletin 4, 1967); the variance of true means
    is that of the averages less what chance adds to it. Kept between 1 and 1,000.

    Args:
        n_ratings: int64, (n_books,).
        average: float64, (n_books,), NaN where nobody rated.
        spread: variance of the ratings of one book, in stars²; `None` if it could not be measured.
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
    """Number and average of each book's ratings, and the variance within a book; `None` with too few to measure."""
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
    """How often each book number occurs.

    Raises:
        ArtifactError: one of them is no book.
    """
    if len(item_index) and not 0 <= int(item_index.min()) <= int(item_index.max()) < n_books:
        raise ArtifactError(
            f"An interaction names book number {int(item_index.max())}; there are {n_books} books.",
            hint="Run `nightshelf ingest` again; books and interactions belong to different snapshots.",
        )
    return np.bincount(item_index, minlength=n_books).astype(np.int64)
