"""Popularity: counts and averages, compared with manual results, and popular lists."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.ingest.interactions import Interactions
from services.batch.models.popularity import STRENGTH_BOUNDS, build_popularity, prior
from shared.artifacts.popularity import Popularity
from shared.errors import ArtifactError
from shared.settings import UserStateSettings
from tests.worlds.interaction_tables import COLUMNS

NOBODY = Interactions.from_table(pd.DataFrame([], columns=COLUMNS))


def make_books(n, **columns):
    books = {
        "genres": [["fantasy"]] * n,
        "average_rating": [None] * n,
        "n_ratings": [None] * n,
        "active": [True] * n,
    }
    return pd.DataFrame(books | columns).astype({"average_rating": "Float64", "n_ratings": "Int64"})


def make_interactions(*rows):
    users = [f"user {place}" for place in range(len(rows))]
    numbers, kinds, values = zip(*rows, strict=True)
    times = range(len(rows))
    columns = {"user_id": users, "book_number": numbers, "kind": kinds, "value": values, "time": times}
    return Interactions.from_table(pd.DataFrame(columns).astype({"value": "float64"}))


def build(folder, books, interactions, cluster_of=None, **settings):
    cluster_of = np.zeros(len(books), np.int32) if cluster_of is None else np.array(cluster_of, np.int32)
    metadata = build_popularity(folder, books, interactions, cluster_of, UserStateSettings(**settings))
    return metadata, Popularity.open(folder)


def test_averages_are_counted_from_ratings_alone(tmp_path):
    rows = [(0, "rating", 5), (0, "rating", 2), (0, "read", np.nan), (1, "view", np.nan), (1, "dismiss", np.nan)]

    metadata, popularity = build(tmp_path, make_books(3), make_interactions(*rows))

    assert popularity.n_ratings.tolist() == [2, 0, 0]
    assert popularity.rating_of(0) == (3.5, 2)
    assert popularity.rating_of(1) == (None, 0)
    assert popularity.average_rating.dtype == popularity.bayesian_average.dtype == np.float32
    assert popularity.n_ratings.dtype == np.int64
    assert popularity.bayesian_average[1] == pytest.approx(3.5)  # nothing known: the mean of all ratings
    assert metadata["n_rated"] == 1


def test_what_the_source_publishes_is_taken_as_it_is(tmp_path):
    books = make_books(3, average_rating=[4.25, None, 3.0], n_ratings=[4_000_000_000, None, None])

    _, popularity = build(tmp_path, books, make_interactions((0, "rating", 1), (1, "rating", 2), (2, "rating", 5)))

    assert [popularity.rating_of(number) for number in range(3)] == [(4.25, 4_000_000_000), (2.0, 1), (3.0, 1)]


def test_one_enthusiast_does_not_beat_a_hundred_readers(tmp_path):
    rows = [(0, "rating", 5)] + [(1, "rating", 5)] * 80 + [(1, "rating", 4)] * 20 + [(2, "rating", 1)] * 60

    _, popularity = build(tmp_path, make_books(3), make_interactions(*rows))

    assert popularity.average_rating[0] > popularity.average_rating[1]
    assert popularity.bayesian_average[1] > popularity.bayesian_average[0] > popularity.bayesian_average[2]


def test_the_prior_finds_the_strength_its_world_was_made_with():
    generator = np.random.default_rng(1)
    true_means = generator.normal(3.5, 0.5, 4000)
    n_ratings = generator.integers(5, 60, 4000)
    averages = true_means + generator.normal(0, 1.0, 4000) / np.sqrt(n_ratings)

    mean, strength = prior(n_ratings, averages, 1.0)

    assert mean == pytest.approx(3.5, abs=0.03)
    assert strength == pytest.approx(1.0 / 0.25, rel=0.1)


def test_the_prior_is_bounded_where_nothing_can_be_measured():
    nothing = np.array([np.nan, np.nan])
    assert prior(np.array([0, 0]), nothing, None) == (3.0, STRENGTH_BOUNDS[0])
    assert prior(np.array([9]), np.array([4.0]), None) == (4.0, STRENGTH_BOUNDS[1])


def test_lists_rank_positive_interactions_then_the_average_then_the_number(tmp_path):
    rows = [
        *[(4, "rating", 4), (4, "purchase", np.nan), (4, "read", np.nan)],  # three positive
        *[(1, "rating", 5), (1, "rating", 5), (1, "rating", 3)],  # two positive; 3 is not
        *[(3, "rating", 4), (3, "rating", 4)],  # two positive, a lower average
        *[(5, "view", np.nan)] * 9,  # looked at, never liked
        *[(0, "rating", 1)] * 9,  # disliked by many
    ]
    books = make_books(8, active=[True] * 6 + [False, True])

    _, popularity = build(tmp_path, books, make_interactions(*rows, *[(6, "rating", 5)] * 20))

    assert popularity.overall.tolist() == [4, 1, 3, 2, 5, 7, 0]
    assert popularity.genres["fantasy"].tolist() == [4, 1, 3, 2, 5, 7, 0]


def test_what_is_positive_is_configured(tmp_path):
    rows = [(0, "rating", 5), (0, "rating", 5), (1, "view", np.nan)]

    _, popularity = build(
        tmp_path, make_books(2), make_interactions(*rows), seen_kinds={"view"}, positive_kinds={"view"}
    )

    assert popularity.overall.tolist() == [1, 0]


def test_genres_and_tribes_have_lists_of_their_own(tmp_path):
    genres = [["fantasy", "fantasy", "war"], ["war"], ["war", "fantasy"], ["rare"], None, np.array(["fantasy"], object)]
    books = make_books(6, genres=genres, active=[True, False, True, True, True, True])

    _, popularity = build(tmp_path, books, make_interactions((2, "read", np.nan)), cluster_of=[0, -1, 2, 2, -1, 0])

    assert {genre: numbers.tolist() for genre, numbers in popularity.genres.items()} == {"fantasy": [2, 0, 5]}
    assert {cluster: numbers.tolist() for cluster, numbers in popularity.clusters.items()} == {0: [0, 5], 2: [2, 3]}


def test_lists_are_bounded(tmp_path):
    _, popularity = build(tmp_path, make_books(700), NOBODY)

    assert popularity.overall.tolist() == list(range(500))
    assert popularity.ranked.tolist() == list(range(700))
    assert popularity.genres["fantasy"].tolist() == popularity.clusters[0].tolist() == list(range(200))


@pytest.mark.parametrize("n", [0, 1])
def test_tiny_catalogues(tmp_path, n):
    _, popularity = build(tmp_path, make_books(n), NOBODY)

    assert popularity.overall.tolist() == list(range(n))


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["rating", "read", "view"]), st.integers(1, 5)), min_size=1
    )
)
def test_a_bayesian_average_lies_between_the_average_and_the_mean_of_all(tmp_path_factory, rows):
    metadata, popularity = build(tmp_path_factory.mktemp("artifact"), make_books(6), make_interactions(*rows))

    mean = metadata["prior_mean"]
    for average, bayesian in zip(popularity.average_rating, popularity.bayesian_average, strict=True):
        low, high = sorted((mean, mean if np.isnan(average) else float(average)))
        assert low - 1e-4 <= bayesian <= high + 1e-4
    ratings = [number for number, kind, _ in rows if kind == "rating"]
    assert popularity.n_ratings.tolist() == np.bincount(ratings, minlength=6).tolist()
    assert sorted(popularity.overall.tolist()) == list(range(6))


def test_refuses_tables_that_do_not_belong_together(tmp_path):
    with pytest.raises(ArtifactError, match="cluster assignments of 2"):
        build(tmp_path, make_books(3), NOBODY, cluster_of=[0, 0])
    with pytest.raises(ArtifactError, match="item index 3"):
        build(tmp_path, make_books(3), make_interactions((3, "read", np.nan)))
    assert list(tmp_path.iterdir()) == []
