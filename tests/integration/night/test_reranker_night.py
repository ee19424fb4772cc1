"""Nights with the reranker on: its artifact, the order that readers see, and the order that was measured."""

from __future__ import annotations

import asyncio
import shutil
import sys

import numpy as np
import pytest

from services.api.state.generation_manager import GenerationManager, open_serving_state
from services.api.state.store import Store
from services.batch.evaluate.evaluation import SplitResult
from services.batch.ingest.training_data import Training
from services.batch.models.factor_model import Factors
from services.batch.night.step_table import STEPS
from services.batch.night.steps import PublishOrder, StepsOfRun
from services.batch.pipeline.served_pipeline import ServedPipeline
from services.batch.runtime.context import RunContext
from services.batch.sources.folder import open_folder
from shared.artifacts.generation import artifact_folder
from shared.errors import ModelError
from shared.publication import flip
from shared.recommend.blend import Blended
from shared.recommend.blend_weights import blend_weights, with_content_share
from shared.recommend.reranker import Reranker
from shared.settings import BlendSettings, CollaborativeSettings, EvaluationSettings, GateSettings, RerankerSettings
from tests.worlds.library import Library
from tests.worlds.small_world import FIRST_RATING_SECONDS, Book

ON = RerankerSettings(enabled=True, books=40)
READERS = [f"r{number:03}" for number in range(0, 120, 7)]


def read_in_turns(world):
    """Let readers rate a book a turn, so that any moment artifacts what they did before from what they did after."""
    turns = {}
    for reader, book in list(world.stars):
        turns[reader] = turns.get(reader, 0) + 1
        world.stars[reader, book] = (world.stars[reader, book][0], FIRST_RATING_SECONDS + 1000 * turns[reader])


CHOICES = {
    "collaborative": CollaborativeSettings(rank=8),  # of all 80 books nothing would be left but rounding
    "evaluation": EvaluationSettings(min_users=10),
}


@pytest.fixture
def ranked(copy_of):
    """A library after two nights, the second with the reranker on."""

    def nights(library):
        read_in_turns(library.world)
        library.night(**CHOICES)
        library.night(**CHOICES, reranker=ON)

    library = copy_of("ranked", nights)
    settings = library.settings.model_copy(update={**CHOICES, "reranker": ON})
    return Library(library.root, settings, library.client, library.world)


def answers(library, readers, content_share=None):
    return library.recommended(readers, 10, content_share)


def offline(library, reranker):
    """What the evaluation's pipeline recommends to them, from the same generation."""
    generation, snapshot = library.verified(), library.snapshot
    training = Training(
        snapshot.load_books(), snapshot.interactions, library.settings.user_state,
        work_id=generation.catalog.work_id,
    )  # fmt: skip
    known = generation.fold_in
    weights = training.histories.weighted(decay=known.history_decay, n=known.history_books)
    factors = Factors(
        np.asarray(weights @ known.fold_in_factors, np.float32), known.item_factors, known.fold_in_factors
    )
    pipeline = ServedPipeline(
        training, factors, generation.candidate_generator, None,
        list_length=library.settings.collaborative.list_length, threads=1, reranker=reranker,
    )  # fmt: skip
    rows = np.array([training.users.tolist().index(reader) for reader in READERS])
    return list(pipeline.answers(rows, 10))


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.item_index, other.item_index)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)


def test_readers_get_what_is_measured(ranked):
    reranker = ranked.verified().reranker
    assert reranker.n_ranked == ON.books
    found, unranked = answers(ranked, READERS), offline(ranked, None)
    assert_same(found, offline(ranked, reranker))
    assert [one.item_index.tolist() for one in found] != [one.item_index.tolist() for one in unranked]


def test_a_request_with_a_weight_of_its_own_gets_the_order_of_the_blend(ranked):
    [found] = answers(ranked, READERS[:1], content_share=1.0)
    assert found.item_index.tolist() != answers(ranked, READERS[:1])[0].item_index.tolist()
    weights = blend_weights(with_content_share(ranked.settings.blend, 1.0), 9)
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    np.testing.assert_allclose(np.array(weights) @ np.nan_to_num(found.own), found.scores, atol=1e-4)


def test_a_night_measures_it_beside_the_blend(ranked):
    artifact = artifact_folder(ranked.folder, "evaluation", ranked.manifest.evaluation)
    metadata = SplitResult.model_validate_json((artifact / "split.json").read_bytes())
    assert {"served", "served-blend"} <= metadata.systems.keys()
    assert "ranker_trees" in metadata.systems["served"].settings
    assert metadata.systems["served"].figures != metadata.systems["served-blend"].figures


def test_it_is_made_once_and_gone_when_it_is_off(ranked):
    first = ranked.manifest
    again = ranked.night()
    assert not again.published
    assert "reranker" in again.reused_artifacts
    off = ranked.night(reranker=RerankerSettings(), gate=GateSettings(enabled=False))
    assert off.published
    assert "reranker" not in ranked.manifest.artifacts
    assert ranked.verified().reranker is None
    assert ranked.manifest.artifacts == {
        kind: artifact for kind, artifact in first.artifacts.items() if kind != "reranker"
    }
    before = open_serving_state(ranked.folder, first.id)
    after = open_serving_state(ranked.folder, ranked.pointer, before)
    assert (before.generation.reranker is not None, after.generation.reranker) == (True, None)


@pytest.mark.parametrize("was_on", [True, False])
def test_new_books_by_the_hour_keep_the_ranker_of_the_night(ranked, was_on):
    if not was_on:
        ranked.night(
            evaluation=ranked.settings.evaluation, reranker=RerankerSettings(), gate=GateSettings(enabled=False)
        )
    before = ranked.manifest
    ranked.world.books["b80"] = Book("The Last Ferry", "N. Ewcomer", "tides", "A ferry among tides carries no one.")
    source = open_folder(ranked.world.write(ranked.source_folder))
    other = ranked.settings.model_copy(update={"blend": BlendSettings(same_series_author_weight=0.5)})
    run = StepsOfRun("hour", RunContext(other, client=ranked.client))
    began = run.ingest(lambda: source, night=None, fresh=False)
    run.make(next(step for step in STEPS if step.name == "index"), began["snapshot"])
    order = PublishOrder(began["snapshot"], began["generation"], served=began["served"], keep_collaborative=True)
    run.publish(order)
    assert ranked.manifest.artifacts.get("reranker") == before.artifacts.get("reranker")
    assert ranked.manifest.blend == before.blend, "it learned from lists blended like this"
    generation = ranked.verified()
    assert generation.catalog.n_books == 81
    if was_on:
        assert generation.reranker.books.n_books == 80
    ranked.report(("e", "cold_start_user", "b80", "read", None))
    assert all(len(items.item_index) == 10 for items in answers(ranked, [*READERS, "cold_start_user", "nobody"]))


def test_without_the_library_what_is_served_stays_and_a_night_says_so_at_once(ranked, monkeypatch):
    with_reranker = ranked.pointer
    ranked.night(reranker=RerankerSettings(), gate=GateSettings(enabled=False))
    without = ranked.pointer

    async def follow():
        store = Store(ranked.settings, ranked.settings.redis_url)
        generation_manager = GenerationManager(ranked.folder, store, ranked.settings.serve.poll_seconds)
        try:
            await generation_manager.refresh()
            monkeypatch.setitem(sys.modules, "lightgbm", None)
            flip(ranked.client, ranked.keys, ranked.folder, expected=without, to=with_reranker)
            await generation_manager.refresh()
            return generation_manager.current().generation.id
        finally:
            await store.close()

    assert asyncio.run(follow()) == without
    begun = []
    with pytest.raises(ModelError, match=r"\[reranker\]"):
        ranked.night(begun.append)
    assert begun == ["ingest"]


def test_a_ranker_that_is_worse_than_its_blend_is_neither_served_nor_measured(ranked, monkeypatch):
    original = Reranker.rank

    def upside_down(self, lists, recents):
        found = original(self, lists, recents)
        return [Blended(one.item_index[::-1], one.scores[::-1], one.own[:, ::-1]) for one in found]

    monkeypatch.setattr(Reranker, "rank", upside_down)
    ranked.world.rate("r000", "b01", 5)
    ranked.night(gate=GateSettings(enabled=False))
    assert ranked.verified().reranker is None
    artifact = artifact_folder(ranked.folder, "evaluation", ranked.manifest.evaluation)
    metadata = SplitResult.model_validate_json((artifact / "split.json").read_bytes())
    assert "served-blend" not in metadata.systems
    assert "ranker_trees" not in metadata.systems["served"].settings


def test_nothing_is_ranked_that_could_not_be_measured(ranked):
    nobody = EvaluationSettings(test_share=1e-9)
    ranked.world.stars["stranger", "b01"] = (5, FIRST_RATING_SECONDS + 1_000_000)
    ranked.night(evaluation=nobody, gate=GateSettings(enabled=False))
    artifact = artifact_folder(ranked.folder, "evaluation", ranked.manifest.evaluation)
    assert not (artifact / "split.json").exists(), "the one rating of the test part is somebody's first"
    assert "reranker" in ranked.manifest.artifacts
    assert ranked.verified().reranker is None


def test_an_artifact_that_went_missing_is_built_again(ranked):
    artifact = artifact_folder(ranked.folder, "reranker", ranked.manifest.artifacts["reranker"])
    shutil.rmtree(artifact)
    assert ranked.night().generation_id == ranked.pointer
    assert artifact.is_dir()
