"""Lists in cells, however they are written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.sources.cells.lists import split_list
from services.batch.sources.source import LIST_SEPARATOR


@pytest.mark.parametrize(
    "cell",
    [
        "Fiction, Sea Stories", "Fiction,Sea Stories,, Fiction", "Fiction; Sea Stories", "Fiction|Sea Stories",
        "Fiction\nSea Stories", f"Fiction{LIST_SEPARATOR}Sea Stories",
        "['Fiction', 'Sea Stories']", '["Fiction", "Sea Stories"]', "('Fiction', 'Sea Stories')",
        "{'Fiction', 'Sea Stories'}", "['Fiction' 'Sea Stories']", "[Fiction, Sea Stories]", '{Fiction,"Sea Stories"}',
        "[['Fiction'], ['Sea Stories']]", "['Fiction', nan, None, '', 'Sea Stories']",
        "{'Fiction': 12, 'Sea Stories': 3}",
        '{"1": "Fiction", "2": "Sea Stories"}', '[{"id": 1, "name": "Fiction"}, {"id": 2, "name": "Sea Stories"}]',
        "[{'genre': 'Fiction', 'n': 3}, {'genre': 'Sea Stories', 'n': 2}]",
        "array(['Fiction', 'Sea Stories'], dtype=object)",
    ],
)  # fmt: skip
def test_two_genres_are_two(cell: str) -> None:
    assert split_list(cell, ",") == ["Fiction", "Sea Stories"]


@pytest.mark.parametrize("cell", ["", "[]", "{}", "['']", "[nan]", "None", "NULL", "[None]", ",", "-", "n/a, none"])
def test_an_empty_list_is_empty(cell: str) -> None:
    assert split_list(cell, ",") == []


@pytest.mark.parametrize(
    ("cell", "separator", "parts"),
    [
        ("J.K. Rowling, Mary GrandPré,, J.K. Rowling", ", ", ["J.K. Rowling", "Mary GrandPré"]),
        ("Le Guin, Ursula K.", None, ["Le Guin, Ursula K."]),
        ("Science &amp; Nature, Sea", ",", ["Science & Nature", "Sea"]),
        ("['O'Brien', \"Children's\"]", ",", ["O'Brien", "Children's"]),
        ("Rock 'n' Roll", ",", ["Rock 'n' Roll"]),
        ("[sic] and so on", ",", ["[sic] and so on"]),
        ("['Fiction', 'Sea", ",", ["Fiction"]),
        ("[" * 5_000, ",", ["[" * 5_000]),
    ],
)
def test_other_lists(cell: str, separator: str | None, parts: list[str]) -> None:
    assert split_list(cell, separator) == parts


PART = st.text(st.characters(categories=["L"]), min_size=4, max_size=12).map(lambda part: f"x{part}")


@given(st.lists(PART, min_size=1, max_size=6, unique=True))
def test_what_python_and_json_write_is_read_back(parts: list[str]) -> None:
    assert split_list(repr(parts), ",") == parts
    assert split_list(json.dumps(parts), ",") == parts
    assert split_list(json.dumps([{"name": part} for part in parts]), ",") == parts


@given(st.text(max_size=200), st.sampled_from([",", ", ", ";", "|", None]))
def test_any_cell_is_a_list_of_texts(cell: str, separator: str | None) -> None:
    assert all(isinstance(part, str) and part for part in split_list(cell, separator))
