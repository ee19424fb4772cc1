"""Authors in cells: roles, nobody, and commas within names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.sources.cells.authors import are_inverted, split_authors


@pytest.mark.parametrize(
    ("cell", "authors"),
    [
        ("Jane Doe (Translator)", ["Jane Doe"]),
        ("Roe, Jan (Illustrator)", ["Roe, Jan"]),
        ("J.K. Rowling, Mary GrandPré (Illustrator)", ["J.K. Rowling", "Mary GrandPré"]),
        ("Jane Doe (Goodreads Author), Jan Roe (Editor, Translator)", ["Jane Doe", "Jan Roe"]),
        ("Jane Doe [ed.]; Roe, Jan, transl.", ["Jane Doe", "Roe, Jan"]),
        ("Translated by Jane Doe", ["Jane Doe"]),
        ("by Jane Doe", ["Jane Doe"]),
        ("Author: Jane Doe", ["Jane Doe"]),
        ("['Jane Doe (Author)', 'Jan Roe (Narrator)']", ["Jane Doe", "Jan Roe"]),
        ('[{"name": "Jane Doe", "role": "Author"}, {"name": "Jan Roe"}]', ["Jane Doe", "Jan Roe"]),
        ("Le Guin, Ursula K.", ["Le Guin, Ursula K."]),
        ("Tolkien, J. R. R.", ["Tolkien, J. R. R."]),
        ("Doe, Jane, 1948-", ["Doe, Jane"]),
        ("Doe, Jane; Roe, Jan", ["Doe, Jane", "Roe, Jan"]),
        ("Doe, Jane Mary\x1fRoe, Jan", ["Doe, Jane Mary", "Roe, Jan"]),
        ("Homer, Emily Wilson", ["Homer", "Emily Wilson"]),
        ("Martin Luther King, Jr., Jane Doe", ["Martin Luther King, Jr.", "Jane Doe"]),
        ("Jane Doe, Ph.D.", ["Jane Doe, Ph.D."]),
        ("Neil Gaiman &amp; Terry Pratchett", ["Neil Gaiman & Terry Pratchett"]),
        ("Ed Smith, Art Spiegelman, Author Hales", ["Ed Smith", "Art Spiegelman", "Author Hales"]),
        ("Anna Unknown, Variousa", ["Anna Unknown", "Variousa"]),
    ],
)
def test_authors(cell: str, authors: list[str]) -> None:
    assert list(split_authors(cell, ", ")) == authors


@pytest.mark.parametrize(
    "cell",
    ["Unknown", "unknown author", "Author Unknown", "[Unknown]", "Various", "VARIOUS AUTHORS", "Anonymous", "Anon.",
     "NULL", "nan", "N/A", "-", "?", "", "Various, Anonymous", "['Unknown']", "AA. VV.", "Unknown (Author)"],
)  # fmt: skip
def test_nobody(cell: str) -> None:
    assert split_authors(cell, ", ") == ()
    assert split_authors(cell, None) == () or "," in cell


def test_somebody_beside_nobody_stays() -> None:
    assert split_authors("Various, Jane Doe", ", ") == ("Jane Doe",)


def test_columns_of_inverted_names_are_told_from_lists_of_names() -> None:
    assert are_inverted(["García Márquez, Gabriel", "Cortázar, Julio", "Borges, J. L.", ""])
    assert not are_inverted(["Jane Doe, Jan Roe", "Ann Poe, Bob Moe", "Cat Low, Dan Bow"])
    assert not are_inverted(["Jane Doe", "Jan Roe", "Homer, Plato"])
    assert not are_inverted([])


@given(st.text(max_size=100), st.sampled_from([", ", ";", None]))
def test_any_cell_gives_names(cell: str, separator: str | None) -> None:
    assert all(split_authors(cell, separator))
