"""Ratings and popular lists as they are served."""

from __future__ import annotations

from shared.artifacts.generation import artifact_folder
from shared.artifacts.popularity import Popularity
from shared.layout import DataFolder
from tests.worlds.small_generation import N_BOOKS, write_generation


def test_ratings_and_lists(tmp_path):
    write_generation(DataFolder(tmp_path), "g")
    popularity = Popularity.open(artifact_folder(DataFolder(tmp_path), "popularity", "plain"))
    assert popularity.n_books == N_BOOKS
    assert [popularity.rating_of(number) for number in (0, 2)] == [(4.26, 9), (None, 0)]
    assert popularity.overall.tolist() == [0, 3, 1]
    assert popularity.ranked.tolist() == [0, 3, 1], "an artifact of an earlier version has no list of all books"
    assert {name: numbers.tolist() for name, numbers in popularity.genres.items()} == {"tides": [0, 1]}
    assert {cluster: numbers.tolist() for cluster, numbers in popularity.clusters.items()} == {0: [0], 1: [3]}
