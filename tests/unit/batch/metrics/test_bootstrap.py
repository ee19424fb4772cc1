"""Bootstrap intervals have the stated coverage."""

import numpy as np
import pytest

from services.batch.metrics.bootstrap import (
    mean_interval,
    mean_intervals,
    paired_difference,
    resampled_means,
    unpaired_difference,
)


def test_the_interval_is_that_of_the_normal_approximation_where_that_holds():
    values = np.random.default_rng(1).normal(3, 2, 5000)
    interval = mean_interval(values, seed=7)
    error = values.std() / np.sqrt(len(values))
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_about_95_of_100_intervals_hold_the_true_mean():
    chance = np.random.default_rng(2)
    samples = chance.exponential(1.0, (300, 400))
    intervals = [mean_interval(sample, seed=place, n_resamples=400) for place, sample in enumerate(samples)]
    n_held = sum(interval.low <= 1.0 <= interval.high for interval in intervals)
    assert 0.90 <= n_held / 300 <= 0.98


def test_the_same_seed_gives_the_same_interval_and_columns_share_draws():
    values = np.random.default_rng(3).random((50, 2))
    assert mean_intervals(values, seed=7) == mean_intervals(values, seed=7)
    assert mean_intervals(values, seed=7) != mean_intervals(values, seed=8)
    means = resampled_means(np.stack([values[:, 0], -values[:, 0]], axis=1), seed=7, n_resamples=100)
    np.testing.assert_allclose(means.sum(axis=1), 0, atol=1e-12)


def test_resampling_in_pieces_covers_every_row(monkeypatch):
    monkeypatch.setattr("services.batch.metrics.bootstrap._VALUES_AT_ONCE", 70)
    means = resampled_means(np.ones((20, 1)), seed=7, n_resamples=10)
    np.testing.assert_array_equal(means, np.ones((10, 1)))


def test_pairing_sees_what_lies_within_the_noise_between_users():
    chance = np.random.default_rng(4)
    old = chance.random(300)
    new = old + chance.normal(0.02, 0.01, 300)
    assert paired_difference(new, old, seed=7).low > 0
    unpaired = unpaired_difference(new, old, seed=7)
    assert unpaired.low < 0 < unpaired.high
    assert unpaired.value == pytest.approx(new.mean() - old.mean())


def test_samples_of_different_sizes_can_be_compared():
    chance = np.random.default_rng(5)
    interval = unpaired_difference(chance.normal(0, 1, 500), chance.normal(1, 1, 900), seed=7)
    assert interval.high < 0


def test_values_all_equal_leave_no_doubt():
    interval = mean_interval(np.full(30, 0.25), seed=7)
    assert (interval.value, interval.low, interval.high) == (0.25, 0.25, 0.25)
