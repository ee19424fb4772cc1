"""Metrics of lists, computed by hand."""

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from services.batch.metrics.beyond_accuracy import (
    calibration_kl,
    coverage,
    genre_shares,
    gini,
    intra_list_similarity,
    mean_popularity_share,
    novelty,
)

RANKED = np.array([[0, 1], [0, 2], [0, -1]], np.int32)
ALL = np.ones(5, np.bool_)


def test_coverage_counts_active_books_shown_to_anyone():
    assert coverage(RANKED, ALL) == 3 / 5
    assert coverage(RANKED, np.array([True, True, True, False, False])) == 1
    assert coverage(np.full((2, 3), -1, np.int32), ALL) == 0


def test_gini_is_0_for_equal_shares_and_near_1_for_one_book():
    assert gini(np.array([[0, 1], [2, 3], [4, -1]], np.int32), ALL) == pytest.approx(0)
    assert gini(np.zeros((9, 1), np.int32), ALL) == pytest.approx(1 - 1 / 5)
    # Times shown 0, 0, 1, 1, 3: mean absolute difference over twice the mean.
    times = np.array([0, 0, 1, 1, 3])
    expected = np.abs(times[:, None] - times[None, :]).mean() / (2 * times.mean())
    assert gini(RANKED, ALL) == pytest.approx(expected)
    assert math.isnan(gini(np.full((1, 1), -1, np.int32), ALL))


def test_share_of_the_most_popular():
    popularity = np.array([9, 1, 5, 7, 0])
    assert mean_popularity_share(RANKED, popularity, ALL) == 3 / 5  # at least one book counts as the top
    assert mean_popularity_share(RANKED, popularity, ALL, top_share=0.6) == 4 / 5
    without_first = np.array([False, True, True, True, True])
    assert mean_popularity_share(RANKED, popularity, without_first, top_share=0.5) == 1 / 5


def test_novelty_is_self_information():
    popularity = np.array([7, 3, 0, 1, 1])
    values = novelty(np.vstack([RANKED, [-1, -1]]).astype(np.int32), popularity, n_users=7)
    assert values[:3].tolist() == pytest.approx([(0 + 1) / 2, (0 + 3) / 2, 0])
    assert np.isnan(values[3])


def test_intra_list_similarity_is_the_mean_cosine_of_pairs():
    vectors = np.array([[1, 0], [0.6, 0.8], [0, 1], [1, 0], [0, 0]], np.float32)
    ranked = np.array([[0, 1, 2], [0, 3, -1], [0, 4, -1], [0, -1, -1]], np.int32)
    values = intra_list_similarity(ranked, vectors)
    assert values[:2].tolist() == pytest.approx([(0.6 + 0 + 0.8) / 3, 1.0])
    assert np.isnan(values[2:]).all(), "one described book is no pair"


def test_intra_list_similarity_against_all_pairs(monkeypatch):
    monkeypatch.setattr("services.batch.metrics.beyond_accuracy._USERS_AT_ONCE", 7)
    chance = np.random.default_rng(1)
    vectors = chance.normal(size=(40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ranked = np.stack([chance.permutation(40)[:10] for _ in range(20)]).astype(np.int32)
    expected = [
        np.mean([vectors[a] @ vectors[b] for place, a in enumerate(row) for b in row[place + 1 :]]) for row in ranked
    ]
    np.testing.assert_allclose(intra_list_similarity(ranked, vectors), expected, atol=1e-5)


def test_genres_are_shared_evenly():
    shares = genre_shares([["b", "a", "a"], [], ["a"]])
    assert shares.toarray().tolist() == [[0.5, 0.5], [0, 0], [1, 0]]
    assert genre_shares([[], []]).shape == (2, 1)


def test_miscalibration_is_0_for_the_same_genres_and_grows_with_what_is_missing():
    genres = genre_shares([["a"], ["a"], ["b"], ["b"], []])
    history = csr_matrix(
        np.array([[1, 0, 1, 0, 0], [1, 0, 1, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0]])
    )
    ranked = np.array([[1, 3], [1, 0], [3, -1], [0, -1], [4, -1]], np.int32)
    values = calibration_kl(ranked, history.astype(np.float32), genres)
    assert values[0] == pytest.approx(0, abs=1e-6)
    # Half a, half b against a alone, smoothed by 0.01.
    q = 0.01 * 0.5
    assert values[1] == pytest.approx(0.5 * math.log(0.5 / (0.99 + q)) + 0.5 * math.log(0.5 / q), rel=1e-5)
    assert values[2] == pytest.approx(math.log(1 / 0.01), rel=1e-5)
    assert np.isnan(values[3:]).all(), "no genre in the history, none in the list"
