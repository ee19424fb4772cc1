"""The reranker behind the blend: what it learns, from how much, and what a night keeps of it."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

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
from shared.errors import ModelError, NightshelfError
from shared.recommend.blend_weights import max_recent_books
from shared.recommend.reranker import FEATURES, Reranker
from shared.settings import BatchSettings, RerankerSettings, Settings, UserStateSettings, load_settings
from tests.worlds.evaluate_world import books, content_artifact, interactions

NAN = float("nan")
ON = RerankerSettings(enabled=True, windows=2, window_share=0.1, trees=40)
CONTEXT = RunContext(Settings(reranker=ON, batch=BatchSettings(threads=1)))


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
    assert ".[reranker]" in str(raised.value)


def test_windows_leave_a_past():
    with pytest.raises(NightshelfError, match="something must come before"):
        load_settings(reranker={"windows": 9, "window_share": 0.1})


def test_an_evaluation_shows_the_blend_beside_it():
    names = [system.name for system in all_recommenders(Settings(reranker=ON), None)]
    assert names[:2] == ["served", "served-blend"]
    assert "served-blend" not in [system.name for system in all_recommenders(Settings(), None)]
