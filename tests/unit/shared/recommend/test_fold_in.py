"""Fold-in: a user whom the night did not know gets the list it would have made."""

from __future__ import annotations

import json

import numpy as np
import pytest

from services.batch.models.collaborative import build_collaborative
from services.batch.models.factors import build_factors
from services.batch.runtime.artifact_builder import build_artifact
from services.batch.runtime.context import RunContext
from shared.artifacts.generation import artifact_folder
from shared.errors import ArtifactError
from shared.layout import DataFolder
from shared.recommend.fold_in import FILES, FoldIn
from shared.settings import BatchSettings, CollaborativeSettings, Settings
from tests.unit.batch.models.test_collaborative import interactions_of

N_BOOKS = 40
ACTIVE = np.arange(N_BOOKS) != 11


@pytest.fixture(scope="module", params=["svd", "als"])
def night(request, tmp_path_factory):
    """A night's collaborative artifact: its folder, facts, and each reader's books, newest first."""
    chance = np.random.default_rng(7)
    histories = {f"r{reader}": chance.permutation(N_BOOKS)[: 1 + reader % 15].tolist() for reader in range(60)}
    rows = [
        (reader, number, "read", None, float(-place))
        for reader, books in histories.items()
        for place, number in enumerate(books)
    ]
    collaborative = CollaborativeSettings(algorithm=request.param, rank=8, list_length=10, history_books=6)
    context = RunContext(Settings(collaborative=collaborative, batch=BatchSettings(threads=1)))
    data = DataFolder(tmp_path_factory.mktemp("data"))

    def factor(folder):
        return build_factors(folder, interactions_of(*rows), N_BOOKS, context)

    def collaborate(folder):
        return build_collaborative(folder, artifact_folder(data, "factors", "f"), ACTIVE, context)

    build_artifact(data, "factors", "f", factor)
    manifest, _ = build_artifact(data, "collaborative", "c", collaborate)
    return artifact_folder(data, "collaborative", "c"), manifest.metadata, histories


def test_a_live_list_is_the_nightly_one(night):
    artifact, metadata, histories = night
    fold_in = FoldIn.open(artifact, metadata)
    users = json.loads((artifact / "users.json").read_bytes())
    own = [np.array(histories[user], np.int32) for user in users]
    live = fold_in.candidates(own, own, ACTIVE)
    numbers, scores = np.load(artifact / "lists.numbers.npy"), np.load(artifact / "lists.scores.npy")
    assert len(users) == 60
    for row, (listed, of_live) in enumerate(live):
        kept = numbers[row] >= 0
        assert listed.tolist() == numbers[row][kept].tolist()
        np.testing.assert_allclose(of_live, scores[row][kept], rtol=1e-4, atol=1e-6)


def test_unknown_books_are_passed_over_and_nothing_known_gives_nothing(night):
    artifact, metadata, _ = night
    fold_in = FoldIn.open(artifact, metadata)
    none = np.empty(0, np.int32)
    known, with_unknown, unknown, empty = fold_in.candidates(
        [np.array(history, np.int32) for history in ([3], [3, 99, -1], [99], [])], [none] * 4, ACTIVE
    )
    assert known[0].tolist() == with_unknown[0].tolist()
    assert len(unknown[0]) == len(empty[0]) == 0
    assert 11 not in known[0]


def test_the_weight_of_what_is_new_falls_with_what_was_there(night):
    artifact, metadata, _ = night
    fold_in = FoldIn.open(artifact, metadata)
    shares = [fold_in.share_of_new(1, n) for n in (1, 2, 5, 6, 100)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1
    assert shares[3] == shares[4], "older books than these do not count"
    assert (fold_in.share_of_new(0, 5), fold_in.share_of_new(0, 0)) == (0, 0)
    assert fold_in.newest_time == 0.0


def test_factors_that_do_not_belong_together_are_refused(tmp_path):
    for name, n_books in zip(FILES, (3, 2), strict=True):
        np.save(tmp_path / name, np.zeros((n_books, 2), np.float32))
    with pytest.raises(ArtifactError, match="do not belong together"):
        FoldIn.open(tmp_path, {})


def test_a_part_of_before_is_read_as_it_was_made(night):
    artifact, _, _ = night
    fold_in = FoldIn.open(artifact, {})
    assert (fold_in.history_decay, fold_in.newest_time, fold_in.list_length) == (1.0, None, 100)
