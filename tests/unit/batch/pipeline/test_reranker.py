"""The reranker behind the blend: what it looks at, how it orders, what it learns, and what it leaves alone."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.evaluate.baselines.registry import all_recommenders
from services.batch.ingest.histories import Histories
from services.batch.ingest.interactions import Interactions
from services.batch.ingest.training_data import Training
from services.batch.metrics.ranking import ndcg_at
from services.batch.metrics.splits import split_by_time
from services.batch.pipeline.served_pipeline import ServedPipeline, candidate_generator
from services.batch.pipeline.train_reranker import book_metadata, build_reranker, train_reranker
from services.batch.runtime.context import RunContext
from services.batch.runtime.progress import SILENT
from shared.artifacts.generation import GenerationManifest
from shared.errors import ModelError, NightshelfError
from shared.recommend.blend import CANDIDATE_SOURCES, NOTHING_BLENDED, Blended
from shared.recommend.blend_weights import max_recent_books
from shared.recommend.reranker import FEATURES, BookMetadata, Reranker
from shared.settings import BatchSettings, BlendSettings, RerankerSettings, Settings, UserStateSettings, load_settings
from tests.worlds.evaluate_world import books, content_artifact, interactions

NAN = float("nan")
ON = RerankerSettings(enabled=True, windows=2, window_share=0.1, trees=40)
CONTEXT = RunContext(Settings(reranker=ON, batch=BatchSettings(threads=1)))


def blended(*numbers):
    own = np.full((len(CANDIDATE_SOURCES), len(numbers)), NAN, np.float32)
    own[0] = np.linspace(1, 0.5, len(numbers))
    return Blended(np.array(numbers, np.int32), np.linspace(0.9, 0.1, len(numbers), dtype=np.float32), own)


def facts_of(*rows):
    """Likes and volume of each book, then author and series."""
    metadata = np.zeros((len(rows), 6), np.float32)
    metadata[:, 0], metadata[:, 5] = [row[0] for row in rows], [row[1] for row in rows]
    return BookMetadata(metadata, np.array([row[2:] for row in rows], np.int32))


class TestFeatures:
    BOOKS = facts_of((1, 1, 0, 5), (2, 2, 0, 5), (3, 3, 0, 5), (4, NAN, 0, -1), (5, NAN, 1, -1), (6, NAN, -1, -1))

    def of(self, number, *recent):
        [row] = self.BOOKS.features(blended(number), np.array(recent, np.int32))
        assert len(row) == len(FEATURES)
        return dict(zip(FEATURES, row.tolist(), strict=True))

    def test_lists_and_facts_come_first(self):
        found = self.of(4)
        assert (found["collaborative"], found["likes"]) == (1, 5)
        assert np.isnan(found["content"]), "not in that list"

    def test_author_and_series(self):
        found = self.of(2, 4, 1, 0)
        assert (found["liked_of_author"], found["since_author"]) == (2, 1)
        assert (found["liked_of_series"], found["since_series"]) == (2, 1)
        assert found["volumes_further"] == 1, "the third volume, one after the second"
        assert found["liked"] == 3
        assert self.of(0, 2)["volumes_further"] == -2

    def test_nothing_of_either(self):
        for number, *recent in ((4, 0, 1), (5, 0, 4), (5, 5)):
            found = self.of(number, *recent)
            assert (found["liked_of_author"], found["liked_of_series"]) == (0, 0)
            assert np.isnan([found["since_author"], found["since_series"], found["volumes_further"]]).all()
        assert self.of(3, 2)["liked_of_author"] == 1
        assert np.isnan(self.of(3, 2)["volumes_further"])

    def test_a_reader_without_books(self):
        assert self.of(2)["liked"] == 0

    def test_a_book_newer_than_the_part(self):
        found = self.of(6, 0, 9, -1, 1)
        assert np.isnan(found["likes"])
        assert found["liked_of_author"] == 0
        assert found["liked"] == 2, "of the recent books only those that are known"


class ByNumber:
    """A model for which these scores hold, book by book; it finds a book by its likes."""

    def __init__(self, scores):
        self._scores = scores

    def predict(self, features, num_threads):
        assert num_threads == 1
        return np.array(
            [self._scores[int(likes) - 1] if likes > 0 else 1.0 for likes in features[:, len(CANDIDATE_SOURCES)]]
        )


def reranker_of(scores, unliked=()):
    rows = [(0 if number in unliked else number + 1, NAN, -1, -1) for number in range(len(scores))]
    return Reranker(facts_of(*rows), ByNumber(scores), n_ranked=100, n_recent=10)


class TestOrder:
    def test_by_likelihood_with_everything_that_belongs_to_a_book(self):
        [found] = reranker_of([0.1, 0.7, 0.4]).rank([blended(0, 1, 2)], [np.empty(0, np.int32)])
        assert found.numbers.tolist() == [1, 2, 0]
        np.testing.assert_allclose(found.scores, [0.7, 0.4, 0.1])
        np.testing.assert_array_equal(found.own, blended(0, 1, 2).own[:, [1, 2, 0]])

    def test_readers_do_not_influence_each_other(self):
        reranker, nobody = reranker_of([0.1, 0.7, 0.4]), np.empty(0, np.int32)
        lists = [blended(0, 2), NOTHING_BLENDED, blended(2, 1, 0), NOTHING_BLENDED]
        together = reranker.rank(lists, [nobody] * 4)
        assert [found.numbers.tolist() for found in together] == [[2, 0], [], [1, 2, 0], []]
        assert reranker.rank([NOTHING_BLENDED], [nobody])[0].numbers.tolist() == []

    @pytest.mark.parametrize(
        ("unliked", "numbers", "scores"),
        [
            ({0, 1, 2}, [0, 1, 2], [0.9, 0.5, 0.1]),
            ({0}, [0, 2, 1], [0.8, 0.8, 0.4]),
            ({1, 2}, [0, 1, 2], [0.3, 0.3, 0.1]),
        ],
        ids=["nothing known", "first", "last"],
    )
    def test_scores_of_what_nobody_has_liked(self, unliked, numbers, scores):
        [found] = reranker_of([0.3, 0.4, 0.8], unliked).rank([blended(0, 1, 2)], [np.empty(0, np.int32)])
        assert found.numbers.tolist() == numbers
        np.testing.assert_allclose(found.scores, scores)

    def test_what_comes_behind_stays_behind(self):
        reranker = dataclasses.replace(reranker_of([0.1, 0.05, 0.4, 0.9, 0.8]), n_ranked=3)
        [found] = reranker.rank([blended(0, 1, 2, 3, 4)], [np.empty(0, np.int32)])
        assert found.numbers.tolist() == [2, 0, 1, 3, 4]
        np.testing.assert_allclose(found.scores, [0.4, 0.1, 0.05, 0.05, 0.05])
        [shorter] = reranker.rank([blended(0, 1)], [np.empty(0, np.int32)])
        assert shorter.numbers.tolist() == [0, 1]

    @given(
        st.permutations(range(12)),
        st.sets(st.integers(0, 11)),
        st.lists(st.floats(0, 1, width=32), min_size=12, max_size=12),
    )
    def test_what_nobody_has_liked_keeps_its_place(self, numbers, unliked, scores):
        [found] = reranker_of(scores, unliked).rank([blended(*numbers)], [np.empty(0, np.int32)])
        assert sorted(found.numbers.tolist()) == list(range(12))
        places = [place for place, number in enumerate(numbers) if number in unliked]
        assert [found.numbers[place] for place in places] == [numbers[place] for place in places]
        of_liked = [scores[number] for number in found.numbers.tolist() if number not in unliked]
        assert of_liked == sorted(of_liked, reverse=True)
        assert (np.diff(found.scores) <= 0).all()


def test_facts_of_books():
    """Four likes, the oldest first: book 0, 1, 0, 0; book 2 has none."""
    rows, numbers, times = np.array([0, 0, 1, 2]), np.array([0, 1, 0, 0], np.int32), np.array([1.0, 2, 3, 4])
    histories = Histories.of(rows, numbers, times, n_users=3, n_books=3)
    table = pd.DataFrame(
        {"authors": [["A", "B"], [], ["A"]], "series": ["s", None, "s"], "series_position": [1.0, NAN, 2.0]}
    )
    found = book_metadata(table, histories)
    np.testing.assert_allclose(found.metadata[:, 0], np.log([4, 2, 1]), rtol=1e-6)
    recency = 0.5 ** (np.array([0.75, 0.5, 0.25, 0.0]) / 0.1)
    np.testing.assert_allclose(found.metadata[1, 1], recency[1] / recency.sum(), rtol=1e-5)
    np.testing.assert_allclose(found.metadata[:, 4], [0.75, 0.5, NAN])
    np.testing.assert_allclose(found.metadata[:, 5], [1, NAN, 2])
    assert found.groups[0].tolist() == found.groups[2].tolist()
    assert found.groups[1].tolist() == [-1, -1]
    without = book_metadata(table[["authors"]], histories)
    assert without.groups[:, 1].tolist() == [-1, -1, -1]


def in_volumes(n_readers=400, n_series=12, n_volumes=10):
    """Readers who go through a series, volume after volume, whatever else is popular."""
    chance = np.random.default_rng(7)
    n = n_series * n_volumes
    series = np.arange(n) // n_volumes
    table = pd.DataFrame(
        {
            "book_number": range(n),
            "title": [f"Book {number}" for number in range(n)],
            "authors": [[f"Author {number}"] for number in range(n)],
            "series": [f"series {one}" for one in series],
            "series_position": (np.arange(n) % n_volumes + 1).astype(float),
            "average_rating": NAN,
            "n_ratings": NAN,
            "active": True,
        }
    )
    rows = []
    for reader in range(n_readers):
        own, start = chance.integers(n_series), chance.integers(3)
        begin = chance.uniform(0, 1)
        for step in range(n_volumes - start):
            rows.append((begin + 0.04 * step, f"r{reader}", own * n_volumes + start + step))
            rows.append((begin + 0.04 * step + 0.01, f"r{reader}", int(chance.integers(n))))
    rows = sorted(set(rows))
    known = pd.DataFrame(rows, columns=["time", "user_id", "book_number"]).assign(kind="read", value=NAN)
    return table, Interactions.from_table(known)


@pytest.fixture(scope="module")
def volumes():
    return split_by_time(*in_volumes(), UserStateSettings(), test_share=0.2)


def learned(training, **choices):
    settings = Settings(reranker=ON.model_copy(update=choices))
    return train_reranker(training, None, settings, threads=1, progress=SILENT)


def test_it_learns_what_the_blend_does_not_know(volumes):
    training = volumes.training
    settings = Settings().model_copy(
        update={"blend": Settings().blend.model_copy(update={"same_series_author_weight": 0.02})}
    )
    maker = candidate_generator(training, None, settings, progress=SILENT)

    def ndcg(reranker):
        pipeline = ServedPipeline(training, None, maker, None, list_length=100, threads=1, reranker=reranker)
        return ndcg_at(pipeline.rank(volumes.rows, 10), volumes.relevant, 10).mean()

    assert ndcg(learned(training)) > 1.1 * ndcg(None)


def test_the_same_is_learned_from_the_same(volumes):
    again = Training(volumes.training.books, volumes.training.interactions, UserStateSettings())
    one, other = learned(volumes.training), learned(again)
    assert one.model.model_to_string() == other.model.model_to_string()
    assert one.model.model_to_string() != learned(again, seed=8).model.model_to_string()


def test_off_or_with_too_little_there_is_none(volumes, tmp_path):
    assert learned(volumes.training, enabled=False) is None
    few = volumes.training.interactions.take(slice(150))
    training = Training(volumes.training.books, few, UserStateSettings())
    assert learned(training) is None
    content = content_artifact(tmp_path)
    (tmp_path / "reranker").mkdir()
    metadata = build_reranker(tmp_path / "reranker", books(), interactions().take(slice(150)), content, CONTEXT)
    assert not metadata["learned"]
    assert Reranker.open(tmp_path / "reranker", metadata) is None


def test_what_is_written_is_what_is_read(tmp_path):
    content = content_artifact(tmp_path)
    folder = tmp_path / "reranker"
    folder.mkdir()
    metadata = build_reranker(folder, books(), interactions(), content, CONTEXT)
    assert metadata["learned"]
    reranker = Reranker.open(folder, metadata)
    assert (reranker.n_ranked, reranker.n_recent) == (ON.books, max_recent_books(Settings().blend))
    assert reranker.books.n_books == len(books())
    chance = np.random.default_rng(7)
    asked = chance.random((50, len(FEATURES)), np.float32)
    likely = reranker.model.predict(asked)
    assert ((likely > 0) & (likely < 1)).all()
    assert len(set(likely.tolist())) > 1


def test_without_the_library_the_error_says_what_to_install(monkeypatch, volumes):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ModelError, match="LightGBM") as raised:
        learned(volumes.training)
    assert "nightshelf[reranker]" in str(raised.value)


def test_windows_leave_a_past():
    with pytest.raises(NightshelfError, match="something must come before"):
        load_settings(reranker={"windows": 9, "window_share": 0.1})


def test_an_evaluation_shows_the_blend_beside_it():
    names = [system.name for system in all_recommenders(Settings(reranker=ON), None)]
    assert names[:2] == ["served", "served-blend"]
    assert "served-blend" not in [system.name for system in all_recommenders(Settings(), None)]


def test_a_generation_from_before_a_weight_is_served_as_it_was_measured():
    blend = BlendSettings().model_dump()
    of_before = {name: value for name, value in blend.items() if name != "few_books_trending_weight"}
    told = {
        "id": "g", "created_at": "2026-01-01T00:00:00Z", "artifacts": {}, "snapshot": "s", "source": "shop",
        "simulated_readers": False, "rating_scale": "1-5", "counts": {},
    }  # fmt: skip
    assert GenerationManifest.model_validate(told | {"blend": of_before}).blend.few_books_trending_weight == 0
    assert GenerationManifest.model_validate(told | {"blend": blend}).blend == BlendSettings()
