"""Item transitions, held against a slow version of their definition, and in worlds with one right answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.ingest.histories import Histories
from services.batch.models import item_transitions
from services.batch.models.item_transitions import item_transitions_of
from services.batch.models.trending import trending_books
from services.batch.runtime.progress import SILENT
from shared.artifacts.item_transitions import FILES, open_item_transitions
from shared.errors import ArtifactError
from shared.settings import ItemTransitionSettings

N_BOOKS = 12
readings = st.lists(st.lists(st.integers(0, N_BOOKS - 1), unique=True, max_size=8), min_size=1, max_size=6)
exponents = st.sampled_from([0.0, 0.4, 1.0])
chosen_settings = st.builds(
    ItemTransitionSettings, n_neighbors=st.just(10), window=st.integers(1, 9), distance_exponent=exponents,
    backward=st.sampled_from([0.0, 0.3, 1.0]), user_exponent=exponents, from_exponent=exponents, to_exponent=exponents,
    half_life=st.sampled_from([None, 0.1, 1.0]),
)  # fmt: skip


def histories_of(read, order="time"):
    """From each reader's books, oldest first."""
    rows = np.repeat(np.arange(len(read)), [len(books) for books in read])
    numbers = np.array([number for books in read for number in books], np.int32)
    times = np.array([moment for books in read for moment in range(len(books))], np.float64)
    return Histories.of(rows, numbers, times, n_users=len(read), n_books=N_BOOKS, order=order)


def found(read, **settings):
    return item_transitions_of(histories_of(read), ItemTransitionSettings(n_neighbors=10, **settings), progress=SILENT)


def slowly(read, settings):
    scores = np.zeros((N_BOOKS, N_BOOKS))
    moments = [moment for books in read for moment in range(len(books))]
    for books in read:
        for before, first in enumerate(books):
            for after in range(before + 1, len(books)):
                distance = after - before
                if distance <= settings.window:
                    weight = distance**-settings.distance_exponent * len(books) ** -settings.user_exponent
                    age = sum(moment > after for moment in moments) / len(moments)
                    weight *= 0.5 ** (age / settings.half_life) if settings.half_life else 1
                    scores[first, books[after]] += weight
                    scores[books[after], first] += weight * settings.backward
    liked = np.maximum(np.bincount([number for books in read for number in books], minlength=N_BOOKS), 1)
    return scores * liked[:, None] ** -settings.from_exponent * liked[None, :] ** -settings.to_exponent


@given(readings, chosen_settings)
def test_transitions_are_what_they_say(read, settings):
    numbers, scores = item_transitions_of(histories_of(read), settings, progress=SILENT)
    expected = slowly(read, settings)
    assert (numbers.shape, numbers.dtype, scores.dtype) == ((N_BOOKS, 10), np.int32, np.float32)
    for book in range(N_BOOKS):
        kept = numbers[book] >= 0
        assert kept.sum() == min(10, (expected[book] > 0).sum())
        np.testing.assert_allclose(scores[book][kept], np.sort(expected[book])[::-1][: kept.sum()], rtol=1e-4)
        np.testing.assert_allclose(scores[book][kept], expected[book, numbers[book][kept]], rtol=1e-4)
        assert not scores[book][~kept].any()
        assert book not in numbers[book]


def test_the_next_volume_is_the_first_transition_and_the_one_before_is_none():
    numbers, _ = found([[0, 1, 2, 3]] * 3, half_life=None)
    assert numbers[:3, 0].tolist() == [1, 2, 3]
    assert numbers[3].tolist() == [-1] * 10
    assert found([[0, 1]], backward=1.0)[0][:2, 0].tolist() == [1, 0]


def test_blocks_of_books_give_what_one_block_gives(monkeypatch):
    read = [np.random.default_rng(reader).permutation(N_BOOKS)[:8].tolist() for reader in range(20)]
    at_once = found(read, backward=0.5)
    monkeypatch.setattr(item_transitions, "_PAIRS_AT_ONCE", 50)
    for one, other in zip(at_once, found(read, backward=0.5), strict=True):
        np.testing.assert_array_equal(one, other)


def test_nobody_liked_anything():
    numbers, scores = found([[]])
    assert (numbers == -1).all()
    assert not scores.any()


def test_they_are_served_as_they_were_found(tmp_path):
    for name, array in zip(FILES, found([[0, 1, 2], [0, 2]]), strict=True):
        np.save(tmp_path / name, array)
    opened = open_item_transitions(tmp_path)
    assert opened.neighbors(0)[0].tolist() == [2, 1]
    candidates, scores = opened.candidates(np.array([1, 0, 99, -1], np.int32), limit=5, decay=0.5)
    assert candidates.tolist() == [2, 1]
    assert scores[0] == pytest.approx(opened.neighbors(1)[1][0] + 0.5 * opened.neighbors(0)[1][0])
    assert opened.explanations(np.array([1, 0], np.int32), limit=5, decay=0.01) == {2: 1, 1: 0}


def test_a_part_of_before_has_none_and_halves_of_two_are_refused(tmp_path):
    assert open_item_transitions(tmp_path).candidates(np.array([0], np.int32), limit=5, decay=0.5)[0].tolist() == []
    np.save(tmp_path / FILES[0], np.zeros((3, 2), np.int32))
    np.save(tmp_path / FILES[1], np.zeros((3, 1), np.float32))
    with pytest.raises(ArtifactError, match="do not belong together"):
        open_item_transitions(tmp_path)


@given(readings, chosen_settings, st.randoms())
def test_without_order_all_pairs_of_a_history_count_alike(read, settings, chance):
    alike = settings.model_copy(update={"distance_exponent": 0.0, "backward": 1.0, "half_life": None, "window": 1000})
    expected = item_transitions_of(histories_of(read), alike, progress=SILENT)
    shuffled = [chance.sample(books, len(books)) for books in read]
    numbers, scores = item_transitions_of(histories_of(shuffled, "none"), settings, progress=SILENT)
    np.testing.assert_allclose(scores, expected[1], rtol=1e-3)
    np.testing.assert_array_equal(numbers >= 0, expected[0] >= 0)


@given(readings, chosen_settings)
def test_between_readers_without_order_no_pair_is_older(read, settings):
    ageless = settings.model_copy(update={"half_life": None})
    expected = item_transitions_of(histories_of(read), ageless, progress=SILENT)
    np.testing.assert_array_equal(
        item_transitions_of(histories_of(read, "sequence"), settings, progress=SILENT), expected
    )


@pytest.mark.parametrize("order", ["sequence", "none"])
def test_nothing_is_trending_without_times(order):
    read = [[0, 1, 2], [3, 4], [2, 1]]
    assert len(trending_books(histories_of(read), 0.1)[0]) == 5
    assert len(trending_books(histories_of(read, order), 0.1)[0]) == 0


def test_without_order_every_book_of_a_history_weighs_the_same():
    read = [[0, 1, 2], [3]]
    weights = {order: histories_of(read, order).weighted(decay=0.5, n=9).toarray() for order in ("sequence", "none")}
    assert weights["sequence"][0, :3].tolist() == [0.25, 0.5, 1.0]
    assert weights["none"][0, :3].tolist() == [1.0, 1.0, 1.0]
