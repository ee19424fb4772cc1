"""Percentile bootstrap: how far a mean over users would move if other users of the same kind had come.

Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979). Users are drawn with
replacement; an interval holds the middle 95 % of the means. The same values and seed give the same interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_RESAMPLES = 2000
_OUTSIDE = (2.5, 97.5)  # percentiles
_DRAWS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over users and its 95 % interval."""

    value: float
    low: float
    high: float


def mean_intervals(values: NDArray[np.float64], *, seed: int, n_resamples: int = N_RESAMPLES) -> list[Interval]:
    """The mean of each column of `values`, float, (n_users, n_columns), at least one user, with its interval.

    All columns see the same draws of users, so the interval of a column of differences is the paired one.
    """
    means = resampled_means(values, seed=seed, n_resamples=n_resamples)
    lows, highs = np.percentile(means, _OUTSIDE, axis=0)
    columns = zip(values.mean(axis=0).tolist(), lows.tolist(), highs.tolist(), strict=True)
    return [Interval(*column) for column in columns]


def mean_interval(values: NDArray[np.float64], *, seed: int, n_resamples: int = N_RESAMPLES) -> Interval:
    """The mean of `values`, float, (n_users,), at least one, with its interval."""
    return mean_intervals(values[:, None], seed=seed, n_resamples=n_resamples)[0]


def paired_difference(
    new: NDArray[np.float64], old: NDArray[np.float64], *, seed: int, n_resamples: int = N_RESAMPLES
) -> Interval:
    """Mean of `new` - `old` over the same users, both (n_users,): what the users have in common cancels out."""
    return mean_interval(new - old, seed=seed, n_resamples=n_resamples)


def unpaired_difference(
    new: NDArray[np.float64], old: NDArray[np.float64], *, seed: int, n_resamples: int = N_RESAMPLES
) -> Interval:
    """Mean of `new` less mean of `old`, of different users: each drawn on its own."""
    means = [
        resampled_means(values[:, None], seed=seed + place, n_resamples=n_resamples)[:, 0]
        for place, values in enumerate((new, old))
    ]
    low, high = np.percentile(means[0] - means[1], _OUTSIDE)
    return Interval(float(new.mean() - old.mean()), float(low), float(high))


def resampled_means(values: NDArray[np.float64], *, seed: int, n_resamples: int) -> NDArray[np.float64]:
    """Means of as many users drawn with replacement, (n_resamples, n_columns)."""
    n_users = len(values)
    chance = np.random.default_rng(seed)
    means = np.empty((n_resamples, values.shape[1]))
    at_once = max(1, _DRAWS_AT_ONCE // n_users)
    for first in range(0, n_resamples, at_once):
        n = min(at_once, n_resamples - first)
        drawn = chance.integers(0, n_users, (n, n_users)) + np.arange(n)[:, None] * n_users
        times = np.bincount(drawn.ravel(), minlength=n * n_users).reshape(n, n_users)
        means[first : first + n] = times @ values / n_users
    return means
