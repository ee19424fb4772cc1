"""Other spellings of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.search.spelling import alternatives, with_digits, without_letters_for_words


@pytest.mark.parametrize(
    ("key", "spelled"),
    [
        ("fifty shades of grey", "50 shades of grey"),
        ("nineteen eighty four", "1984"),
        ("one hundred years of solitude", "100 years of solitude"),
        ("catch twenty two", "catch 22"),
        ("ten thousand doors", "10000 doors"),
        ("two hundred thirty one", "231"),
        ("one two three", "1 2 3"),
        ("twenty twenty", "2020"),
        ("someone", "someone"),
        ("", ""),
    ],
)
def test_numbers_in_digits(key: str, spelled: str) -> None:
    assert with_digits(key) == spelled


@given(st.text())
def test_spelling_again_changes_nothing(text: str) -> None:
    once = with_digits(" ".join(text.split()))
    assert with_digits(once) == once


def test_letters_for_words() -> None:
    assert without_letters_for_words("me before u") == "me before you"
    assert {"two", "to"} <= set(alternatives("2"))
    assert alternatives("you") == ()
