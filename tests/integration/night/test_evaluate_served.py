"""What evaluation scores is what the API answers."""

from __future__ import annotations

import numpy as np
import pytest

from services.batch.ingest.snapshot import current_snapshot
from services.batch.ingest.training_data import Training
from services.batch.models.factors import fit_factors
from services.batch.pipeline.served_pipeline import ServedPipeline, candidate_generator, popular_books
from services.batch.runtime.progress import SILENT
from services.batch.runtime.threads import n_threads
from shared.artifacts.content import ContentNeighbors
from shared.artifacts.generation import artifact_folder, read_manifest
from shared.layout import DataFolder

pytest_plugins = ["tests.worlds.api_fixtures"]

N_READERS = 60


@pytest.fixture(scope="module")
def training(odd_world):
    """Everything the night knew."""
    snapshot = current_snapshot(DataFolder(odd_world.settings.data_dir))
    return Training(snapshot.load_books(), snapshot.interactions, odd_world.settings.user_state)


@pytest.fixture
def readers(training, state):
    """Readers from the least to the most read, as rows, and the ones with awkward ids; none who reported anything."""
    client, keys = state
    reported = {fields[b"user"].decode() for _, fields in client.xrange(keys.events)}
    by_history = np.argsort(np.diff(training.seen.indptr), kind="stable")
    odd = training.rows_of(["odd-0", "odd-7"])
    nothing_liked = np.flatnonzero(np.diff(training.positive_interactions.indptr) == 0)[:5]
    assert len(nothing_liked), "the demo has some"
    rows = np.concatenate((by_history[:: len(by_history) // N_READERS], by_history[-5:], odd, nothing_liked))
    return np.array([row for row in rows.tolist() if str(training.users[row]) not in reported])


@pytest.fixture(scope="module")
def pipeline(odd_world, training):
    settings = odd_world.settings
    folder = DataFolder(settings.data_dir)
    content = artifact_folder(folder, "content", read_manifest(folder, odd_world.generation_id).artifacts["content"])
    threads = n_threads(settings.batch.threads)
    neighbours = ContentNeighbors.open(content, training.work_id)
    return ServedPipeline(
        training,
        fit_factors(
            settings.collaborative, training.positive_interactions, training.histories, threads=threads, progress=SILENT
        ),
        candidate_generator(training, neighbours, settings, progress=SILENT),
        popular_books(training, neighbours.cluster_of),
        list_length=settings.collaborative.list_length,
        threads=threads,
    )


def assert_same_but_for_ties(items, expected):
    """The same books in the same order; those of one score, to rounding, may change places."""
    scores = {item["book_id"]: item["score"] for item in items}
    assert sorted(scores) == sorted(expected)
    np.testing.assert_allclose([scores[book] for book in expected], [item["score"] for item in items], atol=1.1e-4)


@pytest.mark.parametrize("k", [10, 100])
def test_offline_lists_are_the_answers_of_the_api(api, catalog, training, pipeline, readers, k):
    ranked = pipeline.rank(readers, k)
    strategies, n_filled = set(), 0
    for row, numbers in zip(readers.tolist(), ranked.tolist(), strict=True):
        answer = api.recommend(str(training.users[row]), limit=k, explain=True)
        assert_same_but_for_ties(answer["items"], [catalog.ids[number] for number in numbers])
        strategies.add(answer["strategy"])
        n_filled += sum(all(score is None for score in item["sources"].values()) for item in answer["items"])
    assert strategies == {"hybrid", "popular"}
    assert n_filled > 0, "some of it is what fills a list"


def test_recent_books_are_those_of_the_store(state, odd_world, training, readers):
    client, keys = state
    n = odd_world.settings.blend.item_transitions_recent_books
    for row in readers.tolist():
        stored = client.zrevrange(keys.recent(str(training.users[row])), 0, n - 1)
        assert training.recent_of(row, n).tolist() == [int(number) for number in stored]


def test_users_do_not_depend_on_who_is_asked_with_them(pipeline, readers):
    together = pipeline.rank(readers[:20], 10)
    alone = np.concatenate([pipeline.rank(readers[place : place + 1], 10) for place in range(20)])
    np.testing.assert_array_equal(together, alone)
