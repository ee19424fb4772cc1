"""Search finds what a title resolves to, and words too many, other names and abbreviations do no harm."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.api.search.spelling import PRINTING_WORDS
from services.api.search.title_table import OtherNames
from services.api.search.titles import TitleIndex
from tests.paths import ROOT
from tests.worlds.title_texts import ANYTHING, TITLE_LIKE

CASE = ROOT / "tests" / "cases" / "title-queries"
QUERIES = [
    (query["query"], query["expected"])
    for query in json.loads((CASE / "queries.json").read_text(encoding="utf-8"))
    if not query["query"].isdecimal()  # an ISBN, which these books do not have
]
BOOKS = (  # title, author, ratings, series, other titles, ISBNs
    ("The Salt Road", "Ann Holt", 900, "Tides of Sand 1", ["Die Salzstra\u00dfe"], ["9780306406157"]),
    ("The Glass Road", "Ann Holt", 800, "Tides of Sand 2", [], []),
    ("Ember: A Natural History of Fire", "Otto Lind", 700, "", [], []),
    ("Fifty Winters of Rain", "Mara Quill", 600, "", [], []),
    ("A Song for the Old Harbour", "Bo Lark", 950, "", [], []),
    ("Moor-Hen or, The Reeds", "Edith Vale", 30, "", [], []),
    ("It", "Bo Lark", 20, "", ["The Thing"], []),
    ("Salt", "Mo Kurl", 10, "", [], []),
    ("Thing", "Cy Dorn", 5, "", [], []),
    ("Book", "Cy Dorn", 5, "", [], []),
    ("Nineteen Eighty-Five", "A. Burg", 40, "", [], []),
    ("Withdrawn Ember", "Otto Lind", 9999, "", [], ["9780804429573"]),
)
N_SERVED = len(BOOKS) - 1


@pytest.fixture(scope="module")
def index() -> TitleIndex:
    return index_of_books()


def index_of_books() -> TitleIndex:
    titles, authors, ratings, series, others, isbns = zip(*BOOKS, strict=True)
    return TitleIndex(
        titles,
        [[author] for author in authors],
        np.array(ratings, np.int64),
        np.arange(len(BOOKS)) < N_SERVED,
        also=OtherNames(series, others, isbns),
    )


INDEX = index_of_books()


def found_first(index: TitleIndex, text: str) -> int | None:
    found = index.search(text)
    return found[0] if found else None


class TestTheCase:
    @pytest.fixture(scope="class")
    @classmethod
    def catalog(cls) -> tuple[TitleIndex, list[str]]:
        with (CASE / "books.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        ratings = np.arange(len(rows), dtype=np.int64)
        index = TitleIndex(
            [row["title"] for row in rows], [[row["authors"]] for row in rows], ratings, np.ones(len(rows), np.bool_)
        )
        return index, [row["book_id"] for row in rows]

    @pytest.mark.parametrize(("query", "expected"), QUERIES)
    def test_is_searched_first_and_resolved(
        self, catalog: tuple[TitleIndex, list[str]], query: str, expected: str
    ) -> None:
        index, ids = catalog
        assert ids[index.search(query)[0]] == expected
        resolution = index.resolve(query)
        assert resolution is not None
        assert ids[resolution.number] == expected


class TestWordsTooMany:
    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("The Salt Road (Harbour Classics)", 0),
            ("the salt road movie", 0),
            ("the salt road by ann holt paperback", 0),
            ("salt road tides of sand 1", 0),
            ("glass road tides of sand book 2", 1),
            ("ember book", 2),
            ("ember otto lind", 2),
            ("50 winters of rain", 3),
            ("fifty winters of rain part 2", 3),
            ("a song 4 the old harbour", 4),
            ("Moor Hen", 5),
            ("it film", 6),
            ("bo lark it", 6),
            ("1985", 10),
        ],
    )
    def test_are_no_obstacle(self, index: TitleIndex, text: str, number: int) -> None:
        resolution = index.resolve(text)
        assert resolution is not None
        assert resolution.number == number
        assert found_first(index, text) == number

    @pytest.mark.parametrize("text", ["salt road tides of sand book 2", "salt road book 2", "movie", "harbour book"])
    def test_may_contradict_the_title(self, index: TitleIndex, text: str) -> None:
        assert index.resolve(text) is None

    @given(st.integers(0, N_SERVED - 1), st.sampled_from(sorted(PRINTING_WORDS)))
    def test_a_word_of_printings_never_hides_a_title(self, number: int, word: str) -> None:
        for text in (f"{BOOKS[number][0]} {word}", f"{word} {BOOKS[number][0]}"):
            assert number in INDEX.search(text)

    @given(st.integers(0, N_SERVED - 1), st.sampled_from(["quux", "dragons", "zanzibar", "2019"]), st.booleans())
    def test_no_other_word_hides_one_of_several_words(self, number: int, word: str, before: bool) -> None:  # noqa: FBT001
        title = BOOKS[number][0]
        if len(title.split()) > 1:
            assert number in INDEX.search(f"{word} {title}" if before else f"{title} {word}")


class TestOtherNames:
    @pytest.mark.parametrize(
        "text",
        ["9780306406157", "978-0-306-40615-7", "0306406152", "0-306-40615-2", "ISBN 0306406152", "ISBN: 9780306406157"],
    )
    def test_an_isbn_finds_its_book(self, index: TitleIndex, text: str) -> None:
        resolution = index.resolve(text)
        assert resolution is not None
        assert resolution.number == 0
        assert index.search(text) == [0]

    @pytest.mark.parametrize("text", ["9780306406158", "9780804429573", "0804429573", "9791034300891"])
    def test_one_of_no_served_book_finds_none(self, index: TitleIndex, text: str) -> None:
        assert index.resolve(text) is None
        assert index.search(text) == []

    def test_an_original_title_finds_its_book(self, index: TitleIndex) -> None:
        resolution = index.resolve("die salzstrasse")
        assert resolution is not None
        assert resolution.number == 0
        assert index.search("Die Salzstra\u00dfe") == [0]
        assert index.search("salzs") == [0]

    def test_a_books_own_title_comes_before_the_other_title_of_a_better_known_one(self, index: TitleIndex) -> None:
        resolution = index.resolve("thing")
        assert resolution is not None
        assert (resolution.number, resolution.alternatives) == (8, [6])


class TestAbbreviations:
    @pytest.mark.parametrize(
        ("text", "found"),
        [("tos", [0, 1]), ("tos 2", [1]), ("TOS2", [1]), ("asftoh", [4]), ("sftoh", [4]), ("fwor", []), ("xyz", [])],
    )
    def test_stand_for_well_known_titles_and_series(self, index: TitleIndex, text: str, found: list[int]) -> None:
        assert index.search(text) == index.suggest(text) == found
        assert index.resolve(text) is None

    def test_a_word_of_the_catalogue_is_the_word(self, index: TitleIndex) -> None:
        assert found_first(index, "it") == 6
        assert index.search("for") == [4]


@settings(max_examples=80, deadline=None)
@given(st.lists(TITLE_LIKE | ANYTHING, min_size=1, max_size=8), st.data())
def test_search_finds_what_a_text_resolves_to(titles: list[str], data: st.DataObject) -> None:
    n = len(titles)
    index = TitleIndex(titles, [["Ann Holt"]] * n, np.arange(n), np.ones(n, np.bool_), np.arange(n, dtype=np.int32))
    title = data.draw(st.sampled_from(titles))
    suffix = data.draw(st.sampled_from(["", ": a novel", " (paperback)", " movie", " ann holt", "; or, the end"]))
    resolution = index.resolve(title + suffix)
    if resolution is not None:
        assert resolution.number in index.search(title + suffix, limit=data.draw(st.integers(1, 3)))
