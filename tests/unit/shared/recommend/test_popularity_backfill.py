"""Popular books behind a list that is too short, and in place of one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.recommend.blend import CANDIDATE_SOURCES, NOTHING_BLENDED, Blended
from shared.recommend.popularity_backfill import (
    N_SPREAD,
    first_of_each_work,
    popular_by_cluster,
    popular_spread,
    popularity_backfill,
)

WORK_ID = np.array([0, 1, 2, 0, 4, 5], np.int32)  # 3 is another edition of 0
SPREAD = np.array([0, 2, 4, 1], np.int32)
SHORT = Blended(
    np.array([5], np.int32), np.array([0.8], np.float32), np.full((len(CANDIDATE_SOURCES), 1), 0.5, np.float32)
)


def numbers_of(*numbers):
    return np.array(numbers, np.int32)


def test_of_the_editions_of_a_work_the_first_stays():
    assert first_of_each_work(numbers_of(3, 2, 0, 1, 3), WORK_ID).tolist() == [3, 2, 1]


def test_each_round_has_one_book_of_each_cluster_the_popular_first():
    cluster_of = np.array([0, 0, 0, 1, 1, 2], np.int32)
    assert popular_by_cluster(numbers_of(0, 1, 4, 2, 5, 3), cluster_of).tolist() == [0, 4, 5, 1, 3, 2]
    assert popular_by_cluster(numbers_of(), cluster_of).tolist() == []


def test_with_nothing_to_go_by_scores_fall_linearly_with_the_rank():
    found = popularity_backfill(NOTHING_BLENDED, SPREAD, WORK_ID, numbers_of(), 4)
    assert found.item_index.tolist() == SPREAD.tolist()
    assert found.scores.tolist() == [1, 0.75, 0.5, 0.25]
    assert np.isnan(found.own).all()
    assert (found.own.shape, found.item_index.dtype, found.scores.dtype) == ((5, 4), np.int32, np.float32)


def test_behind_blended_books_the_score_is_zero():
    found = popularity_backfill(SHORT, SPREAD, WORK_ID, numbers_of(), 3)
    assert found.item_index.tolist() == [5, 0, 2]
    np.testing.assert_allclose(found.scores, [0.8, 0, 0])
    assert np.isnan(found.own).tolist() == [[False, True, True]] * len(CANDIDATE_SOURCES)


@pytest.mark.parametrize(
    ("listed", "seen", "expected"),
    [
        (numbers_of(), numbers_of(3), [2, 4, 1]),
        (numbers_of(3), numbers_of(), [3, 2, 4, 1]),
        (numbers_of(4), numbers_of(2, 6, 99), [4, 0, 1]),
    ],
    ids=["seen in another edition", "listed in another edition", "unknown books are no matter"],
)
def test_no_work_comes_twice_nor_back(listed, seen, expected):
    n = len(listed)
    items = Blended(listed, np.ones(n, np.float32), np.ones((len(CANDIDATE_SOURCES), n), np.float32))
    assert popularity_backfill(items, SPREAD, WORK_ID, seen, 10).item_index.tolist() == expected


def test_a_list_that_is_long_enough_stays_as_it_is():
    assert popularity_backfill(SHORT, SPREAD, WORK_ID, numbers_of(), 1).item_index.tolist() == [5]


def test_behind_the_first_books_every_other_work_follows_by_popularity():
    n_books = 3 * N_SPREAD
    ranked = np.random.default_rng(3).permutation(n_books).astype(np.int32)
    work_id = (np.arange(n_books) // 2 * 2).astype(np.int32)  # two editions of each
    cluster_of = (np.arange(n_books) % 7).astype(np.int32)
    spread = popular_spread(ranked, work_id, cluster_of)
    head = popular_by_cluster(first_of_each_work(ranked[:N_SPREAD], work_id), cluster_of)
    assert spread[: len(head)].tolist() == head.tolist()
    assert len(np.unique(work_id[spread])) == len(spread) == n_books // 2
    places = np.argsort(ranked)[spread[len(head) :]]
    assert (np.diff(places) > 0).all()


@given(st.sets(st.integers(0, 59)), st.sets(st.integers(0, 59), max_size=5), st.integers(0, 70))
def test_a_list_is_full_as_long_as_there_is_an_unseen_work(seen, listed, limit):
    work_id = (np.arange(60) // 2 * 2).astype(np.int32)
    spread = np.arange(0, 60, 2, dtype=np.int32)
    n = len(listed)
    items = Blended(numbers_of(*listed), np.ones(n, np.float32), np.ones((len(CANDIDATE_SOURCES), n), np.float32))
    found = popularity_backfill(items, spread, work_id, numbers_of(*seen), limit).item_index[n:].tolist()
    taken = {number // 2 for number in seen | listed}
    assert found == [book for book in spread.tolist() if book // 2 not in taken][: max(limit - n, 0)]
