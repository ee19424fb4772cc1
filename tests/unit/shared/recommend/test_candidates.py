"""Viewed books among the candidates: their neighbors in the content list, lighter than those of recent books."""

from __future__ import annotations

import numpy as np
import pytest

from shared.recommend.candidates import CandidateGenerator
from shared.recommend.neighbor_table import NO_CANDIDATES, NeighborTable, pad_rows
from shared.settings import BlendSettings, UserStateSettings

NEIGHBORS = {0: [(1, 0.5)], 2: [(3, 0.5), (1, 0.25)], 4: [(5, 1.0)]}
ROWS = pad_rows(
    [
        (
            np.array([number for number, _ in NEIGHBORS.get(book, [])], np.int32),
            np.array([score for _, score in NEIGHBORS.get(book, [])], np.float32),
        )
        for book in range(6)
    ]
)


def books(*numbers):
    return np.array(numbers, np.int32)


def content(recent, viewed, **choices):
    table = NeighborTable(ROWS, name="content")
    generator = CandidateGenerator(table, table, None, NO_CANDIDATES, BlendSettings(**choices))
    _, listed, item_transitions, _, _ = generator.lists([NO_CANDIDATES], [recent], [viewed])
    assert item_transitions[0][0].tolist() == table.candidates(recent, limit=100, decay=1.0)[0].tolist()
    return dict(zip(listed[0][0].tolist(), listed[0][1].tolist(), strict=True))


def test_a_viewed_book_counts_less_and_only_in_the_content_list():
    assert content(books(0), books(2, 4), viewed_weight=0.25, recency_decay=0.5) == pytest.approx(
        {1: 0.5 + 0.25 * 0.25, 3: 0.25 * 0.5, 5: 0.25 * 0.5}
    )


def test_without_recent_books_the_viewed_ones_make_the_list():
    assert content(books(), books(4)) == pytest.approx({5: BlendSettings().viewed_weight})


def test_a_weight_of_zero_is_as_if_nothing_was_viewed():
    assert content(books(0), books(2), viewed_weight=0) == content(books(0), books()) == {1: 0.5}
    assert content(books(), books(2), viewed_weight=0) == {}


def test_the_bounds_of_user_state_come_in_the_order_of_its_keys():
    assert UserStateSettings(max_seen=300, max_recent=20, max_viewed=5).bounds == (300, 20, 5)
