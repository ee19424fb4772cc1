"""Percentiles from a histogram's buckets."""

from __future__ import annotations

import math

import pytest

from services.api.operations.latency import percentile_ms

BUCKETS = {0.001: 50.0, 0.002: 90.0, 0.004: 90.0, math.inf: 100.0}


@pytest.mark.parametrize(("share", "milliseconds"), [(0.25, 0.5), (0.5, 1.0), (0.7, 1.5), (0.9, 2.0)])
def test_they_are_linear_within_a_bucket(share, milliseconds):
    assert percentile_ms(BUCKETS, share) == pytest.approx(milliseconds)


def test_beyond_the_last_bound_nothing_is_known():
    assert percentile_ms(BUCKETS, 0.95) is None


def test_of_nothing_there_is_none():
    assert percentile_ms({0.001: 0.0, math.inf: 0.0}, 0.5) is None
