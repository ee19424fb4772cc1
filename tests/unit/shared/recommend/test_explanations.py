"""Explanations: by the list that adds most to the score, or none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.recommend.blend import CANDIDATE_SOURCES, NOTHING_BLENDED, Blended
from shared.recommend.candidates import CandidateGenerator
from shared.recommend.explanations import Explained, explain_all
from shared.recommend.fold_in import FoldIn
from shared.recommend.neighbor_table import NO_CANDIDATES, NeighborTable, pad_rows
from shared.settings import BlendSettings

NAN = float("nan")
# Books 0 and 1 share a direction, 2 has the other, 3 is like nothing, and 4 is not known to the model.
FACTORS = np.array([[1, 0], [2, 0], [0, 1], [0, 0]], np.float32)
MODEL = FoldIn(FACTORS, FACTORS, FACTORS.any(axis=1), 100, 100, 1.0, None)
ROWS = [NO_CANDIDATES, NO_CANDIDATES, (np.array([3, 4], np.int32), np.array([1, 0.5], np.float32)), NO_CANDIDATES]
CONTENT = NeighborTable(pad_rows([*ROWS, NO_CANDIDATES]), name="explanations")
GENERATOR = CandidateGenerator(CONTENT, None, None, NO_CANDIDATES, BlendSettings())


WEIGHTS = (1.0, 1.0, 1.0, 1.0, 1.0)


def items(*numbers, by_readers=True):
    """Blended books, in the collaborative list or in the content list."""
    return blended(numbers, {"collaborative" if by_readers else "content": 1.0})


def blended(numbers, scores):
    own = np.full((len(CANDIDATE_SOURCES), len(numbers)), NAN, np.float32)
    for name, score in scores.items():
        own[CANDIDATE_SOURCES.index(name)] = score
    return Blended(np.array(numbers, np.int32), np.ones(len(numbers), np.float32), own)


def explained(*users, weights=WEIGHTS):
    asked = [Explained(listed, np.array(recent, np.int32), weights) for listed, recent in users]
    found = explain_all(MODEL, GENERATOR, asked)
    assert {one.dtype.name for one in found} == {"int32"}
    return [one.tolist() for one in found]


def test_the_recent_book_of_the_largest_product_explains():
    assert explained((items(0, 2), [0, 1, 2])) == [[1, 2]]


def test_of_equal_books_the_newest_explains():
    """Only the newest twenty count, so that an older one with a larger product does not."""
    same = np.repeat(FACTORS[:1], 30, axis=0)
    same[25] *= 2
    model = FoldIn(same, same, same.any(axis=1), 100, 100, 1.0, None)
    for recent, reason in (([7, 3], 7), ([3, 7], 3), ([*range(1, 21), 25], 1), ([*range(1, 20), 25], 25)):
        [found] = explain_all(model, GENERATOR, [Explained(items(0), np.array(recent, np.int32), WEIGHTS)])
        assert found.tolist() == [reason]


def test_without_a_collaborative_score_the_other_lists_explain():
    assert explained((items(0, 3, by_readers=False), [0, 2])) == [[-1, 2]]


@pytest.mark.parametrize("recent", [[2], [4, 2], [-1, 2]])
def test_where_no_recent_book_adds_to_the_main_list_there_is_no_reason(recent):
    assert explained((items(0, 3), recent)) == [[-1, -1]]


@pytest.mark.parametrize(
    ("scores", "weights", "reason"),
    [
        ({"content": 0.9, "trending": 0.2}, WEIGHTS, 2),
        ({"content": 0.2, "trending": 0.9}, WEIGHTS, -1),
        ({"content": 0.2, "trending": 0.9}, (1, 1, 1, 1, 0.1), 2),
        ({"content": 0.9, "trending": 0.2}, (1, 0.1, 1, 1, 1), -1),
        ({"content": 0.9, "trending": 0.2}, (0, 0, 0, 0, 0), 2),
        ({"trending": 1.0}, WEIGHTS, -1),
        ({"content": 0.0}, WEIGHTS, 2),
        ({"item_transitions": 1.0, "content": 0.5}, WEIGHTS, -1),  # no table of transitions: nothing led to it
    ],
)
def test_the_list_that_adds_most_explains(scores, weights, reason):
    assert explained((blended([3], scores), [2]), weights=weights) == [[reason]]


@given(
    st.lists(st.floats(0, 1, width=32) | st.just(NAN), min_size=5, max_size=5),
    st.lists(st.floats(0, 1, width=32), min_size=5, max_size=5),
)
def test_a_book_that_trending_carries_has_no_reason(scores, weights):
    added = [0 if np.isnan(score) else score * weight for score, weight in zip(scores, weights, strict=True)]
    if added[4] > max(added[:4]):
        assert explained((blended([3], dict(zip(CANDIDATE_SOURCES, scores, strict=True))), [2]), weights=weights) == [
            [-1]
        ]


def test_an_item_newer_than_the_model_is_explained_by_the_other_lists():
    assert explained((items(4, by_readers=False), [2])) == [[2]]


def test_users_do_not_influence_each_other():
    users = [
        (items(0, 2, 3), [1, 2]),
        (items(2), []),
        (NOTHING_BLENDED, [1]),
        (items(3, by_readers=False), [2]),
    ]
    together = explained(*users)
    assert together == [[1, 2, -1], [-1], [], [2]]
    assert together == [explained(user)[0] for user in users]


def test_without_items_or_recent_books_there_is_nothing_to_explain():
    assert explained((NOTHING_BLENDED, [1]), (NOTHING_BLENDED, [])) == [[], []]
    assert explained((items(0, 1), []), (items(2), [])) == [[-1, -1], [-1]]
