"""The many spellings of nothing, and the titles that look like them."""

from __future__ import annotations

import pytest

from services.batch.sources.cells.missing import is_missing, is_no_description, is_no_title


@pytest.mark.parametrize("text", ["NULL", "null", "nan", "NaN", "None", r"\N", "N/A", "NA", "-", "", " ", "#N/A", "[]"])
def test_a_word_for_nothing_is_missing(text: str) -> None:
    assert is_missing(text)
    assert is_no_description(text)


@pytest.mark.parametrize("title", ["Nan", "None", "NA", "Null", "Unknown", "-", "?", "N/A"])
def test_such_a_word_stays_a_title(title: str) -> None:
    assert not is_no_title(title)


@pytest.mark.parametrize("text", ["", "  ", r"\N", "#N/A", "<NA>", "#REF!"])
def test_what_only_programs_write_is_no_title(text: str) -> None:
    assert is_no_title(text)


@pytest.mark.parametrize("text", ["No description available.", "no description", "Description not available", "[N/A]"])
def test_a_text_that_says_there_is_none_is_none(text: str) -> None:
    assert is_no_description(text)


@pytest.mark.parametrize("text", ["Nana", "Nothing", "No description can do this book justice.", "Anna", "0"])
def test_a_text_that_begins_like_one_is_a_text(text: str) -> None:
    assert not is_missing(text)
    assert not is_no_description(text)
