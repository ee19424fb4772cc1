"""Series in titles and in cells of their own."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.batch.sources.cells.series import read_position, read_series, split_series


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("The Hunger Games (The Hunger Games, #1)", ("The Hunger Games", "The Hunger Games", 1.0)),
        ("Queen's Shadow (The Kestrel Cycle #0.5)", ("Queen's Shadow", "The Kestrel Cycle", 0.5)),
        ("Ranma ½, Vol. 1 (Ranma ½ (US 2nd), #1)", ("Ranma ½, Vol. 1", "Ranma ½ (US 2nd)", 1.0)),
        ("Guards! Guards! (Discworld, #8; City Watch #1)", ("Guards! Guards!", "Discworld", 8.0)),
        ("Two Tales (Bis) (Tales, #2)", ("Two Tales (Bis)", "Tales", 2.0)),
        ("Boxed Set (Harry Potter, #1-7)", ("Boxed Set", "Harry Potter", None)),
        ("The Theban Plays (The Theban Plays, #1\N{EN DASH}3)", ("The Theban Plays", "The Theban Plays", None)),
        (
            "Order of the Phoenix (Harry Potter, #5, Part 1)",
            ("Order of the Phoenix (Harry Potter, #5, Part 1)", None, None),
        ),
        ("Saga #1", ("Saga #1", None, None)),
        ("(Untitled, #1)", ("(Untitled, #1)", None, None)),
        ("The Firm (Penguin Readers, Level 5)", ("The Firm (Penguin Readers, Level 5)", None, None)),
    ],
)
def test_series_suffix(title: str, expected: tuple[str, str | None, float | None]) -> None:
    found, series, position = split_series(title)
    assert (found, series, None if math.isnan(position) else position) == expected


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_title_breaks_the_series_parser_or_loses_its_beginning(title: str) -> None:
    found, _, _ = split_series(title)
    assert title.startswith(found)


def test_titles_made_to_hurt_a_pattern_are_read_like_any_other() -> None:
    for title in ("(a" * 20_000 + "#", "a (" + "#" * 20_000 + "(", "a " * 20_000 + "(#)x"):
        assert split_series(title)[0] == title
        assert read_series(title)[0]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Discworld", ("Discworld", None)),
        ("Discworld #8", ("Discworld", 8)),
        ("(Discworld, #8)", ("Discworld", 8)),
        ("Discworld, Book 8", ("Discworld", 8)),
        ("Discworld, vol. 8.5", ("Discworld", 8.5)),
        ("Discworld (8)", ("Discworld", 8)),
        ("Discworld ; 8", ("Discworld", 8)),
        ("Discworld ; v. 8", ("Discworld", 8)),
        ("Discworld, #8; City Watch #1", ("Discworld", 8)),
        ("['Discworld #8', 'City Watch #1']", ("Discworld", 8)),
        ("Tales #1-3", ("Tales", None)),
        ("The 39 Clues: Book 3", ("The 39 Clues", 3)),
        ("Area 51", ("Area 51", None)),
        ("Catch-22", ("Catch-22", None)),
        ("NaN", (None, None)),
        ("", (None, None)),
    ],
)
def test_series_in_a_cell(cell: str, expected: tuple[str | None, float | None]) -> None:
    series, position = read_series(cell)
    assert (series, None if math.isnan(position) else position) == expected


@pytest.mark.parametrize(
    ("cell", "position"),
    [("2", 2), ("2.0", 2), ("#2", 2), ("Book 2", 2), ("Vol. 2.5", 2.5), ("1-3", None), ("two", None), ("", None)],
)
def test_positions(cell: str, position: float | None) -> None:
    found = read_position(cell)
    assert (None if math.isnan(found) else found) == position
