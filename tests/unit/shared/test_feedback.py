"""What is seen, positive and viewed, for one interaction and for all about one book."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.feedback import decided, is_positive, is_seen, is_viewed, statement_of
from shared.settings import UserStateSettings

RULES = UserStateSettings()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("rating", 4.0, True),
        ("rating", 3.99, False),
        ("rating", None, False),
        ("rating", float("nan"), False),
        ("read", None, True),
        ("purchase", 1.0, True),
        ("dismiss", None, False),
        ("view", None, False),
    ],
)
def test_what_is_positive(kind, value, expected):
    assert is_positive(kind, value, RULES) is expected


def test_what_is_seen():
    kinds = ("view", "click", "rating", "read", "purchase", "dismiss")
    assert [is_seen(kind, RULES) for kind in kinds] == [False, False, True, True, True, True]


def test_a_kind_that_does_not_count_as_seen_is_never_positive():
    assert not is_positive("view", None, UserStateSettings(positive_kinds={"view"}))


def test_a_view_is_not_seen_unless_the_settings_say_so():
    assert [is_viewed(kind, RULES) for kind in ("view", "click", "read")] == [True, True, False]
    assert not is_viewed("view", UserStateSettings(seen_kinds={"view"}))


def test_a_statement_is_a_letter_and_a_time():
    said = [statement_of(kind, 2.0, 5.0, RULES) for kind in ("rating", "dismiss", "read", "purchase", "view")]
    assert said == ["r5.0", "d5.0", "I5.0", "I5.0", "V5.0"]
    assert statement_of("rating", 4.0, 1.5, RULES) == "R1.5"
    assert statement_of("read", None, 5.0, UserStateSettings(seen_kinds={"rating"})) is None


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ("", None),
        ("V9", None),
        ("I1 V9", (True, 1)),
        ("r2 R1", (False, 2)),
        ("r1 I2", (False, 1)),
        ("R1 i2", (True, 1)),
        ("R1 I2", (True, 2)),
        ("R1 d2", (False, 2)),
        ("r1 d2 R3", (True, 3)),
        ("r1 d2 I3", (False, 2)),
        ("R1 d2 I3", (False, 2)),
        ("d1 I2", (True, 2)),
        ("I1 d2", (False, 2)),
        ("d5 R5", (True, 5)),
        ("I5 d5", (False, 5)),
        ("d5 I5", (False, 5)),
        ("r5 R5", (True, 5)),
    ],
    ids=str,
)
def test_what_decides_about_a_book(statements, expected):
    """Ratings over reads, the newest of a kind, dismissals over what came before them."""
    assert decided(statements.split()) == expected


@given(st.permutations(["r1", "R4", "d2", "d6", "I3", "I5", "V7"]), st.integers(0, 7))
def test_the_order_of_arrival_does_not_matter(statements, n):
    some = statements[:n]
    assert decided(some) == decided(sorted(some, key=lambda each: float(each[1:])))
