"""What is seen and what is positive, for one interaction."""

from __future__ import annotations

import pytest

from shared.feedback import is_positive, is_seen
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
