"""Planted clusters are found."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from services.batch.content.clusters import find_clusters, n_clusters_for
from shared.settings import ContentSettings

N_CLUSTERS, N_EACH = 4, 30


def planted_vectors(seed=0, noise=0.5):
    generator = np.random.default_rng(seed)
    centres = np.linalg.qr(generator.standard_normal((32, N_CLUSTERS)))[0].T
    vectors = (
        np.repeat(centres, N_EACH, axis=0) + noise * generator.standard_normal((N_CLUSTERS * N_EACH, 32)) / 32**0.5
    )
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


PLANTED = np.repeat(np.arange(N_CLUSTERS), N_EACH)


@pytest.mark.parametrize("seed", range(3))
def test_planted_clusters_are_recovered(seed):
    vectors = planted_vectors(seed)

    cluster_of = find_clusters(vectors, np.arange(len(vectors)), ContentSettings(clusters=N_CLUSTERS))

    assert adjusted_rand_score(PLANTED, cluster_of) == 1.0


def test_only_the_books_asked_for_are_in_a_cluster_and_the_largest_comes_first():
    vectors = planted_vectors()
    numbers = np.flatnonzero((PLANTED != 2) | (np.arange(len(PLANTED)) % 3 == 0))

    cluster_of = find_clusters(vectors, numbers, ContentSettings(clusters=4))

    assert (np.delete(cluster_of, numbers) == -1).all()
    sizes = np.bincount(cluster_of[numbers])
    assert sizes.tolist() == sorted(sizes, reverse=True) == [30, 30, 30, 10]
    assert cluster_of.dtype == np.int32


def test_no_cluster_is_smaller_than_three_books():
    vectors = planted_vectors()
    strangers = np.linalg.qr(np.random.default_rng(9).standard_normal((32, 2)))[0].T.astype(np.float32)

    cluster_of = find_clusters(
        np.vstack((vectors, strangers)), np.arange(len(vectors) + 2), ContentSettings(clusters=6)
    )

    assert np.bincount(cluster_of).min() >= 3
    assert (cluster_of >= 0).all()


def test_centres_fitted_to_a_sample_still_place_every_book(monkeypatch):
    monkeypatch.setattr("services.batch.content.clusters.SAMPLE", 60)
    vectors = planted_vectors()

    cluster_of = find_clusters(vectors, np.arange(len(vectors)), ContentSettings(clusters=N_CLUSTERS))

    assert adjusted_rand_score(PLANTED, cluster_of) == 1.0


def test_the_usual_number_of_clusters_grows_with_the_root_of_the_books():
    assert [n_clusters_for(n) for n in (1, 9, 20, 60, 800, 10_000, 1_000_000)] == [1, 1, 4, 5, 20, 60, 60]
