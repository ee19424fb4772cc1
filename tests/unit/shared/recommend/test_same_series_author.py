"""Same series or author: the next volume first, then other volumes, then the author's other books; no inactive one."""

from __future__ import annotations

import numpy as np
import pytest

from shared.recommend.candidates import CandidateGenerator
from shared.recommend.neighbor_table import NO_CANDIDATES, NeighborTable
from shared.recommend.same_series_author import same_series_author_rows
from shared.settings import BlendSettings

#           0      1      2      3      4     5     6     7
SERIES = ["saga", "saga", "saga", "saga", None, None, "saga", None]
PLACES = [1.0, 2.0, 3.0, float("nan"), None, None, 4.0, None]
AUTHORS = [["ann"], ["ann"], ["bob"], ["ann"], ["ann", "cy"], ["cy"], ["ann"], []]
ACTIVE = np.arange(8) != 6


@pytest.fixture
def same_series_author():
    return NeighborTable(same_series_author_rows(SERIES, PLACES, AUTHORS, ACTIVE), name="same_series_author")


def test_the_next_volume_comes_first_then_the_others_then_the_author(same_series_author):
    numbers, scores = same_series_author.neighbors(0)
    assert numbers.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(scores, [1, 0.5, 0.2, 0.1])
    assert (numbers.dtype, scores.dtype) == (np.int32, np.float32)
    assert same_series_author.neighbors(2)[0].tolist() == [0, 1, 3]
    assert same_series_author.neighbors(5)[0].tolist() == [4]


def test_a_book_alone_has_no_neighbors(same_series_author):
    assert same_series_author.neighbors(7)[0].tolist() == []


def test_what_a_withdrawn_book_leads_to_is_still_known(same_series_author):
    assert 6 not in same_series_author.neighbors(2)[0]
    assert set(same_series_author.neighbors(6)[0].tolist()) == {0, 1, 2, 3, 4}


def test_trending_books_are_never_shown_alone(same_series_author):
    trending = (np.array([5], np.int32), np.array([1], np.float32))
    maker = CandidateGenerator(None, None, same_series_author, trending, BlendSettings())
    recents = [np.array(own, np.int32) for own in ([0], [7], [])]
    nightly, content, item_transitions, of_same_series_author, trending = maker.lists([NO_CANDIDATES] * 3, recents)
    assert [len(one[0]) for one in of_same_series_author] == [4, 0, 0]
    assert [len(one[0]) for one in trending] == [1, 0, 0]
    assert not any(len(one[0]) for kind in (nightly, content, item_transitions) for one in kind)
    assert maker.explanations(recents[0]) == {1: 0, 2: 0, 3: 0, 4: 0}
