"""Errors say what is wrong, where, and what to do."""

from __future__ import annotations

import pytest

from shared.errors import NightshelfError, UnknownTitleError


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ({}, "It is wrong."),
        ({"where": "books.csv"}, "It is wrong. [books.csv]"),
        ({"hint": "Correct it."}, "It is wrong. Correct it."),
        ({"where": "books.csv", "hint": "Correct it."}, "It is wrong. [books.csv] Correct it."),
    ],
)
def test_the_text_has_all_that_is_known(details, text):
    error = NightshelfError("It is wrong.", **details)
    assert str(error) == text
    assert (error.what, error.where, error.hint) == ("It is wrong.", details.get("where"), details.get("hint"))


def test_an_unknown_title_comes_with_similar_ones():
    error = UnknownTitleError("No such book.", suggestions=[{"title": "Emma"}], hint="Look at these.")
    assert (error.suggestions, str(error)) == ([{"title": "Emma"}], "No such book. Look at these.")
