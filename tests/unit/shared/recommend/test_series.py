"""Which books belong to one series: its name and its writers decide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.recommend.series import NO_SERIES, is_same_series, series_groups


def groups(*books):
    names, positions, authors = zip(*books, strict=True)
    return series_groups(names, np.array(positions, np.float64), authors).tolist()


def test_the_name_alone_does_not_make_a_series():
    assert groups(("Legacy", 1, ["Ann"]), ("Legacy", 1, ["Rose"]), ("The Legacy", 2, ["Ann"])) == [0, 1, 0]


def test_a_chain_of_shared_writers_makes_one():
    assert groups(("Saga", 1, ["A"]), ("Saga", 1, ["C"]), ("Saga", 2, ["C", "B"]), ("Saga", 3, ["B", "A"])) == [0] * 4


def test_volumes_that_several_writers_share_among_them_are_one_series():
    shared = [("Clues", 1, ["A"]), ("Clues", 2, ["B"]), ("Clues", 3, ["C"]), ("Clues", 4, ["A"])]
    assert groups(*shared) == [0] * 4
    assert groups(*shared, ("Clues", 2, ["D"])) == [0, 1, 2, 0, 4]
    assert groups(*shared[:2]) == [0, 1]


def test_books_without_a_known_author_join_the_only_series_of_the_name():
    assert groups(("S", 1, ["A"]), ("S", 2, ["Unknown"]), ("S", 3, [])) == [0, 0, 0]
    assert groups(("S", 1, ["A"]), ("S", 2, ["B"]), ("S", 3, []), ("S", 4, ["Various"])) == [0, 1, 2, 2]
    assert groups(("S", 1, []), ("S", 2, []), (None, 1, [])) == [0, 0, NO_SERIES]


@given(st.lists(st.tuples(st.sampled_from([None, "S", "T"]), st.integers(1, 4), st.lists(st.sampled_from("ABCD")))))
def test_the_order_of_the_books_changes_nothing(books):
    forward = groups(*books) if books else []
    backward = groups(*books[::-1])[::-1] if books else []
    for left in range(len(books)):
        for right in range(len(books)):
            assert (forward[left] == forward[right]) == (backward[left] == backward[right])


@pytest.mark.parametrize(
    ("authors", "others", "same"),
    [(["A"], ["B"], False), (["A"], ["B", "A"], True), (["A"], [], True), (["Unknown"], ["Unknown"], True)],
)
def test_two_books_of_one_series(authors, others, same):
    assert is_same_series("Legacy", "the legacy", authors, others) is same
    assert not is_same_series("Legacy", None, authors, others)
    assert not is_same_series("Legacy", "Heritage", authors, others)
