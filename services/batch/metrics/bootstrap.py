"""Percentile bootstrap intervals of means over users, by `scipy.stats.bootstrap`.

Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979). Users are drawn with
replacement; an interval covers the middle 95 % of the means. The same values and seed give the same interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

N_RESAMPLES = 2000
_OUTSIDE = (2.5, 97.5)  # percentiles
_VALUES_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over users and its 95 % interval."""

    value: float
    low: float
    high: float


def mean_intervals(values: NDArray[np.float64], *, seed: int, n_resamples: int = N_RESAMPLES) -> list[Interval]:
    """The mean of each column of `values`, float, (n_users, n_columns), at least one user, with its interval.

    All columns use the same draws of users, so a column of differences gets a paired interval.
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
    """Mean of `new` - `old` over the same users, both (n_users,)."""
    return mean_interval(new - old, seed=seed, n_resamples=n_resamples)


def unpaired_difference(
    new: NDArray[np.float64], old: NDArray[np.float64], *, seed: int, n_resamples: int = N_RESAMPLES
) -> Interval:
    """Mean of `new` minus mean of `old`, of different users, drawn independently."""
    means = [
        resampled_means(values[:, None], seed=seed + place, n_resamples=n_resamples)[:, 0]
        for place, values in enumerate((new, old))
    ]
    low, high = np.percentile(means[0] - means[1], _OUTSIDE)
    return Interval(float(new.mean() - old.mean()), float(low), float(high))


def resampled_means(values: NDArray[np.float64], *, seed: int, n_resamples: int) -> NDArray[np.float64]:
    """Means of bootstrap samples of users, (n_resamples, n_columns)."""
    if len(values) == 1:  # scipy refuses a single value
        return np.repeat(values, n_resamples, axis=0)
    resampled = bootstrap(
        (values,),
        np.mean,
        axis=0,
        n_resamples=n_resamples,
        batch=max(1, _VALUES_AT_ONCE // values.size),
        method="percentile",
        rng=seed,
    )
    means: NDArray[np.float64] = resampled.bootstrap_distribution.T
    return means
