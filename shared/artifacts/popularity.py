"""The popularity artifact, opened for serving: counts, averages and popular lists.

Files: `n_ratings.npy` (int64), `average_rating.npy` (float32, NaN without ratings), `bayesian_average.npy`
(float32), `popular.json` (`overall`, `genres`, `clusters`: item indexes, best first), `popular.npy` (int32, all
recommendable books, best first).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from shared.deprecated import FIELDS, renamed


@dataclass(frozen=True, slots=True)
class Popularity:
    """Ratings by item index, and lists of item indexes, best first. Ratings are on the scale 1-5.

    `ranked` has all recommendable books, `overall` the first of them; in an artifact of an earlier version both are the
    same.
    """

    n_ratings: NDArray[np.int64]
    average_rating: NDArray[np.float32]
    bayesian_average: NDArray[np.float32]
    overall: NDArray[np.int32]
    ranked: NDArray[np.int32]
    genres: dict[str, NDArray[np.int32]]
    clusters: dict[int, NDArray[np.int32]]

    @classmethod
    def open(cls, path: Path) -> Popularity:
        """Open a popularity artifact's folder."""
        popular = renamed(orjson.loads((path / "popular.json").read_bytes()), FIELDS)
        overall = np.array(popular["overall"], np.int32)
        ranked = path / "popular.npy"
        return cls(
            n_ratings=np.load(path / "n_ratings.npy"),
            average_rating=np.load(path / "average_rating.npy"),
            bayesian_average=np.load(path / "bayesian_average.npy"),
            overall=overall,
            ranked=np.load(ranked) if ranked.exists() else overall,
            genres={name: np.array(item_index, np.int32) for name, item_index in popular["genres"].items()},
            clusters={
                int(cluster): np.array(item_index, np.int32) for cluster, item_index in popular["clusters"].items()
            },
        )

    @property
    def n_books(self) -> int:
        """Number of books covered, inactive ones included."""
        return len(self.n_ratings)

    def rating_of(self, number: int) -> tuple[float | None, int]:
        """Average rating on 1-5 (`None` without ratings) and number of ratings of one book."""
        average = float(self.average_rating[number])
        return (None if np.isnan(average) else round(average, 2)), int(self.n_ratings[number])
