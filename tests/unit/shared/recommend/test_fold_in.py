"""Fold-in: a user the night did not know gets the list that it would have made."""

from __future__ import annotations

import dataclasses
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
    with pytest.raises(ArtifactError, match="do not belong together") as refused:
        FoldIn.open(tmp_path, {})
    assert refused.value.where == str(tmp_path)


def test_an_artifact_of_before_is_read_as_it_was_made(night):
    artifact, _, _ = night
    fold_in = FoldIn.open(artifact, {})
    assert (fold_in.list_length, fold_in.history_books, fold_in.history_decay) == (100, 100, 1.0)
    assert fold_in.newest_time is None


def test_what_the_artifact_says_of_itself_is_kept(night):
    artifact, _, _ = night
    fold_in = FoldIn.open(artifact, {"list_length": 3, "history_books": 4, "history_decay": 0.5, "newest_time": 7})
    assert (fold_in.list_length, fold_in.history_books, fold_in.history_decay) == (3, 4, 0.5)
    assert (fold_in.newest_time, fold_in.n_books) == (7.0, N_BOOKS)


def test_a_book_has_factors_if_any_of_them_is_not_zero(tmp_path):
    for name in FILES:
        np.save(tmp_path / name, np.array([[0, 1], [0, 0], [1, 1]], np.float32))
    assert FoldIn.open(tmp_path, {}).has_factors.tolist() == [True, False, True]


class TestSmall:
    """Five books in two directions; nobody liked the last."""

    FACTORS = np.array([[1, 0], [2, 0], [0, 1], [0, 1], [0, 0]], np.float32)
    FOLD_IN = FoldIn(FACTORS, FACTORS, FACTORS.any(axis=1), 3, 2, 0.5, None)
    ALL = np.ones(6, np.bool_)  # the catalogue may be newer and know more books

    def of(self, *history, seen=(), active=ALL, fold_in=FOLD_IN):
        [(numbers, scores)] = fold_in.candidates([np.array(history, np.int32)], [np.array(seen, np.int32)], active)
        assert (numbers.dtype, scores.dtype) == (np.int32, np.float32)
        return list(zip(numbers.tolist(), scores.tolist(), strict=True))

    def test_older_books_weigh_less_and_the_oldest_nothing(self):
        assert self.of(0, 2) == [(1, 2), (0, 1), (2, 0.5)]
        assert self.of(2, 0, 1) == [(1, 1), (2, 1), (3, 1)]

    @pytest.mark.parametrize("unknown", [-1, 5])
    def test_an_unknown_book_keeps_its_place(self, unknown):
        assert self.of(unknown, 0) == [(1, 1), (0, 0.5), (2, 0)]
        assert self.of(unknown) == []

    def test_seen_books_and_those_not_served_are_not_listed(self):
        assert self.of(0, seen=[1, 0, -1, 5]) == [(2, 0), (3, 0)]
        assert self.of(0, active=np.array([True, False, True, True, True, True])) == [(0, 1), (2, 0), (3, 0)]
        assert self.of(0, seen=[0, 1, 2, 3]) == []

    def test_a_list_may_be_longer_than_there_are_books(self):
        assert len(self.of(0, fold_in=dataclasses.replace(self.FOLD_IN, list_length=9))) == 4

    def test_many_books_that_tie_are_in_order_of_their_numbers(self):
        same = np.ones((300, 2), np.float32)
        same[::7] = 2
        fold_in = dataclasses.replace(
            self.FOLD_IN, item_factors=same, fold_in_factors=same, has_factors=same.any(axis=1), list_length=200
        )
        numbers = [number for number, _ in self.of(1, fold_in=fold_in, active=np.ones(300, np.bool_))]
        assert numbers == sorted(range(300), key=lambda number: (number % 7 > 0, number))[:200]

    def test_without_any_book_there_is_no_list(self):
        nothing = np.empty((0, 2), np.float32)
        empty = dataclasses.replace(
            self.FOLD_IN, item_factors=nothing, fold_in_factors=nothing, has_factors=nothing.any(axis=1)
        )
        assert self.of(0, fold_in=empty) == []

    def test_users_do_not_influence_each_other(self):
        histories = [np.array(own, np.int32) for own in ([0], [2, 1])]
        both = self.FOLD_IN.candidates(histories, [np.array([1], np.int32), np.empty(0, np.int32)], self.ALL)
        assert [numbers.tolist() for numbers, _ in both] == [[0, 2, 3], [1, 0, 2]]

    def test_the_share_of_new_books(self):
        assert [self.FOLD_IN.share_of_new(*counts) for counts in ((1, 1), (1, 2), (1, 9), (2, 9), (0, 9), (0, 0))] == [
            1, pytest.approx(2 / 3), pytest.approx(2 / 3), 1, 0, 0,
        ]  # fmt: skip
