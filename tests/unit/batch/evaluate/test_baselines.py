"""All recommenders pass one contract: they find the test books from training data only."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from services.batch.evaluate.baselines.ease import Ease, weights_of
from services.batch.evaluate.baselines.item_knn import ItemKnn
from services.batch.evaluate.baselines.popularity import MostPopular
from services.batch.evaluate.baselines.prototype import _favourites
from services.batch.evaluate.baselines.recommender import ScoreRanker, best
from services.batch.evaluate.baselines.registry import all_recommenders
from services.batch.ingest.interactions import Interactions
from services.batch.ingest.training_data import Training
from services.batch.metrics.ranking import ndcg_at
from services.batch.metrics.splits import split_by_time
from services.batch.runtime.progress import SILENT
from shared.errors import ModelError
from shared.settings import BlendSettings, CollaborativeSettings, Settings, UserStateSettings
from tests.worlds.evaluate_world import (
    INACTIVE,
    N_BOOKS,
    books,
    content_artifact,
    interactions,
    table_of_interactions,
    taste_of,
)

RULES = UserStateSettings()
SETTINGS = Settings(collaborative=CollaborativeSettings(rank=4, list_length=30), blend=BlendSettings(recent_books=3))
NAMES = [one.name for one in all_recommenders(SETTINGS, Path("content"))]
TEST_SHARE = 0.3


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return content_artifact(tmp_path_factory.mktemp("content"))


@pytest.fixture(scope="module")
def split():
    return split_by_time(books(), interactions(), RULES, test_share=TEST_SHARE)


def system_of(name, content):
    """The system of this name, small enough for this world: a rank near the number of books would learn nothing."""
    system = next(system for system in all_recommenders(SETTINGS, content) if system.name == name)
    if name in ("plain-svd", "prototype"):
        return dataclasses.replace(system, rank=4)
    if name == "als":
        return dataclasses.replace(system, settings=system.settings.model_copy(update={"rank": 4}))
    return dataclasses.replace(system, regularization=10.0) if name == "ease" else system


def lists_of(system, split, k=10):
    return system.fit(split.training, threads=1, progress=SILENT).rank(split.rows, k)


def test_the_registry_lists_the_served_pipeline_first_and_each_name_once():
    assert NAMES[:5] == [f"served{of}" for of in (
        "", "-collaborative", "-item_transitions", "-same_series_author", "-content"
    )]  # fmt: skip
    assert len(set(NAMES)) == len(NAMES)
    needs_content = {"served-content", "prototype", "tf-idf"}
    assert [one.name for one in all_recommenders(SETTINGS, None)] == [
        name for name in NAMES if name not in needs_content
    ]


@pytest.mark.parametrize("name", NAMES)
def test_lists_are_fresh_distinct_active_and_best_first(name, content, split):
    ranked = lists_of(system_of(name, content), split, k=20)
    assert (ranked.dtype, ranked.shape) == (np.int32, (len(split.rows), 20))
    for row, numbers in zip(split.rows.tolist(), ranked.tolist(), strict=True):
        listed = [number for number in numbers if number >= 0]
        assert numbers[: len(listed)] == listed, "padding is at the end"
        assert len(set(listed)) == len(listed) > 0
        assert INACTIVE not in listed
        assert set(listed).isdisjoint(split.training.seen_of(row).tolist())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "popularity"])
def test_the_taste_of_a_reader_is_found(name, content, split):
    """Each reader has six books or so left of one taste, and every system but popularity can tell which."""
    ranked = lists_of(system_of(name, content), split, k=4)
    readers = [int(user[1:]) for user in split.users]
    own = [taste_of(number) == taste_of(reader) for reader, row in zip(readers, ranked, strict=True) for number in row]
    assert np.mean(own) > 0.9
    popular = ndcg_at(lists_of(MostPopular(), split), split.relevant, 10).mean()
    assert ndcg_at(lists_of(system_of(name, content), split), split.relevant, 10).mean() > popular + 0.05


@pytest.mark.parametrize("name", NAMES)
def test_whom_else_one_asks_for_and_how_many_places_change_nothing(name, content, split):
    reranker = system_of(name, content).fit(split.training, threads=1, progress=SILENT)
    ranked = reranker.rank(split.rows, 10)
    np.testing.assert_array_equal(reranker.rank(split.rows[5:9], 10), ranked[5:9])
    np.testing.assert_array_equal(reranker.rank(split.rows, 3), ranked[:, :3])
    assert reranker.rank(split.rows[:0], 10).shape == (0, 10)


def with_another_future(everything):
    """The same training part with a different test part."""
    n_past = int(len(everything) * (1 - TEST_SHARE))
    future = everything.iloc[n_past:]
    other = future.assign(book_number=(future["book_number"] + 1) % (N_BOOKS - 1), value=5.0)
    other = other.astype({"book_number": "int32"})
    together = pd.concat([everything.iloc[:n_past], other]).drop_duplicates(["user_id", "book_number"], keep="first")
    kept = together.iloc[n_past:]
    # As many rows as before, so that the split falls at the same moment.
    filled = pd.concat([together, kept.iloc[: len(everything) - len(together)]])
    return filled.reset_index(drop=True)


def knows_the_future(make_system):
    """Whether a recommender's lists depend on the test part, which would be a leak."""
    answers = []
    for everything in (interactions(), Interactions.from_table(with_another_future(table_of_interactions()))):
        split = split_by_time(books(), everything, RULES, test_share=TEST_SHARE)
        rows = np.arange(len(split.training.users))
        answers.append(make_system(everything).fit(split.training, threads=1, progress=SILENT).rank(rows, 10))
    return not np.array_equal(*answers)


@pytest.mark.parametrize("name", NAMES)
def test_no_system_knows_the_future(name, content):
    assert not knows_the_future(lambda _everything: system_of(name, content))


class Leaking:
    """Counts how popular books are over everything, the test part included."""

    name = title = "leaking"

    def __init__(self, everything):
        self._counts = np.bincount(everything.item_index, minlength=N_BOOKS)

    def fit(self, training, **_how):
        return ScoreRanker(training, lambda rows: np.tile(self._counts.astype(np.float32), (len(rows), 1)))


def test_a_leaking_system_is_caught():
    assert knows_the_future(Leaking)


def test_a_training_part_without_a_user_or_a_positive_is_no_trouble(content):
    everything = interactions()
    for rows in (slice(0), np.flatnonzero(everything.value < 3)[:5]):
        training = Training(books(), everything.take(rows), RULES)
        for system in all_recommenders(SETTINGS, content):
            ranked = system.fit(training, threads=1, progress=SILENT).rank(np.arange(len(training.users)), 5)
            assert ranked.shape == (len(training.users), 5), system.name


def test_best_is_what_sorting_gives():
    chance = np.random.default_rng(1)
    scores = chance.permutation(12 * 30).reshape(12, 30).astype(np.float32)
    scores[0, 3:] = -np.inf
    expected = np.argsort(-scores, axis=1)[:, :5]
    expected[0, 3:] = -1
    np.testing.assert_array_equal(best(scores, 5), expected)
    assert best(np.array([[1, 2, 2, 0]], np.float32), 9).tolist() == [[1, 2, 0, 3]]
    coarse = chance.integers(0, 4, (50, 40)).astype(np.float32)
    np.testing.assert_array_equal(best(coarse, 7), np.argsort(-coarse, axis=1, kind="stable")[:, :7])


def test_ease_is_the_same_from_users_and_from_books():
    """The smaller matrix is inverted; on both sides the result solves the problem that defines it."""
    chance = np.random.default_rng(2)
    for shape in ((30, 12), (12, 30)):
        positives = csr_matrix((chance.random(shape) < 0.3).astype(np.float32))
        weights = weights_of(positives, 5.0, threads=1)
        gram = (positives.T @ positives).toarray().astype(np.float64)
        precision = np.linalg.inv(gram + 5.0 * np.eye(shape[1]))
        expected = precision / -np.diag(precision)[None, :]
        np.fill_diagonal(expected, 0)
        np.testing.assert_allclose(weights, expected, atol=1e-5)
        # Stationary: the gradient of |X - XB|² + λ|B|² vanishes off the diagonal.
        gradient = gram @ weights - gram + 5.0 * weights
        assert np.abs(gradient[~np.eye(shape[1], dtype=bool)]).max() < 1e-4


def test_ease_says_when_there_are_too_many_books(monkeypatch, split):
    monkeypatch.setattr("services.batch.evaluate.baselines.ease.MOST_BOOKS", 10)
    with pytest.raises(ModelError, match="the maximum is 10"):
        Ease().fit(split.training, threads=1, progress=SILENT)


def stars_of(*rows):
    frame = pd.DataFrame([(*row, float(place)) for place, row in enumerate(rows)])
    frame.columns = ["user_id", "book_number", "kind", "value", "time"]
    return Training(books(), Interactions.from_table(frame), RULES)


def test_item_knn_by_hand():
    training = stars_of(
        ("ann", 0, "rating", 5), ("ann", 1, "rating", 4), ("bob", 0, "rating", 3), ("bob", 1, "rating", 3),
        ("bob", 2, "rating", 5), ("cat", 2, "rating", 4), ("cat", 3, "rating", 5), ("dan", 0, "rating", 4),
    )  # fmt: skip
    stars = training.stars.toarray()[:, :4]
    norms = np.linalg.norm(stars, axis=0)
    cosine = stars.T @ stars / np.outer(norms, norms) * (1 - np.eye(4))
    scores = stars @ cosine
    dan = training.rows_of(["dan"])
    expected = np.argsort(-np.where(stars[dan] > 0, -np.inf, scores[dan]))[0, :2]  # book 3 shares nobody with book 0
    ranked = ItemKnn().fit(training, threads=1, progress=SILENT).rank(dan, 2)
    assert ranked[0].tolist() == expected.tolist() == [1, 2]


def test_stars_are_ratings_or_what_comes_nearest():
    training = stars_of(
        ("ann", 0, "rating", 2), ("ann", 1, "read", None), ("ann", 2, "dismiss", None), ("ann", 3, "view", None),
        ("ann", 4, "read", None), ("ann", 4, "rating", 5),
    )  # fmt: skip
    assert training.stars.toarray()[0, :5].tolist() == [2, 4, 1, 0, 5]


def test_the_favourite_is_the_latest_of_the_best_rated():
    training = stars_of(
        ("ann", 0, "rating", 5), ("ann", 1, "rating", 5), ("ann", 2, "rating", 4), ("bob", 3, "rating", 1),
    )  # fmt: skip
    assert _favourites(training)[training.rows_of(["ann", "bob"])].tolist() == [1, 3]
