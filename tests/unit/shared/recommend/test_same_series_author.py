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
AUTHORS = [["ann"], ["ann"], ["bob", "ann"], ["ann"], ["ann", "cy"], ["cy"], ["ann"], []]
ACTIVE = np.arange(8) != 6
WORK_ID = np.arange(8, dtype=np.int32)


@pytest.fixture
def same_series_author():
    return NeighborTable(same_series_author_rows(SERIES, PLACES, AUTHORS, ACTIVE, WORK_ID), name="same_series_author")


def test_the_next_volume_comes_first_then_the_others_then_the_author(same_series_author):
    numbers, scores = same_series_author.neighbors(0)
    assert numbers.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(scores, [1, 0.5, 0.2, 0.1])
    assert (numbers.dtype, scores.dtype) == (np.int32, np.float32)
    assert same_series_author.neighbors(2)[0].tolist() == [0, 1, 3, 4]
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
    assert maker.explanations("same_series_author", recents[0]) == {1: 0, 2: 0, 3: 0, 4: 0}


def neighbors_of(book, series, positions, authors, work_id=None):
    n = len(series)
    work_id = np.arange(n, dtype=np.int32) if work_id is None else np.array(work_id, np.int32)
    rows = same_series_author_rows(series, positions, authors, np.ones(n, np.bool_), work_id)
    return NeighborTable(rows, name="same_series_author").neighbors(book)[0].tolist()


def test_series_of_one_name_by_other_writers_are_apart():
    authors = [["Ann Astro"], ["Astro, Ann"], ["Rose Bloom"], ["Rose Bloom"]]
    assert neighbors_of(0, ["Legacy"] * 4, [1.0, 2.0, 1.0, 2.0], authors) == [1]
    assert neighbors_of(3, ["Legacy"] * 4, [1.0, 2.0, 1.0, 2.0], authors) == [2]


@pytest.mark.parametrize("name", ["Unknown", "Various", "anonymous", "N/A", "Various Authors", "Autor desconocido"])
def test_an_unknown_author_connects_nothing(name):
    assert neighbors_of(0, [None] * 3, [None] * 3, [[name], [name], [name, "Ann"]]) == []


def test_editions_of_one_work_neither_fill_a_row_nor_are_in_their_own():
    authors = [["Ann"]] * 150
    work_id = [0] * 120 + list(range(120, 150))
    assert neighbors_of(7, [None] * 150, [None] * 150, authors, work_id) == list(range(120, 150))
    assert neighbors_of(130, [None] * 150, [None] * 150, authors, work_id)[:2] == [0, 120]
