"""What people mean when they type a title."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.api.search.titles import TitleIndex
from shared.title_keys import title_key
from tests.worlds.title_texts import ANYTHING, TITLE_LIKE


def index_of(*books: tuple[str, str, int], inactive: tuple[int, ...] = ()) -> TitleIndex:
    active = np.ones(len(books), np.bool_)
    active[list(inactive)] = False
    return TitleIndex(
        [title for title, _, _ in books],
        [[author] if author else [] for _, author, _ in books],
        np.array([n_ratings for _, _, n_ratings in books], np.int64),
        active,
    )


class TestResolve:
    BOOKS = (
        ("Emma", "Jane Austen", 500),
        ("Emma", "Alexander McCall Smith", 900),
        ("Sapiens: A Brief History of Humankind", "Yuval Noah Harari", 700),
        ("Star Wars: Lost Stars", "Claudia Gray", 10),
        ("Star Wars: Heir to the Empire", "Timothy Zahn", 20),
        ("Dune (Dune Chronicles #1)", "Frank Herbert", 800),
        ("Dune", "Somebody Else", 1),
        ("???", "", 3),
        ("1984", "George Orwell", 5),
        ("Withdrawn", "X", 5),
    )

    @pytest.fixture(scope="class")
    @classmethod
    def index(cls) -> TitleIndex:
        return index_of(*cls.BOOKS, inactive=(9,))

    @pytest.mark.parametrize(
        ("text", "number", "alternatives"),
        [
            ("emma", 1, [0]),
            ("SAPIENS", 2, []),
            ("Sapiens: A Graphic History", 2, []),  # another subtitle, only one book it may be
            ("star wars", 4, [3]),
            ("Dune: Deluxe Edition", 5, [6]),
            ("dune (dune chronicles, #1)", 5, [6]),
            ("???", 7, []),
            ("  1984!", 8, []),
        ],
    )
    def test_found(self, index: TitleIndex, text: str, number: int, alternatives: list[int]) -> None:
        resolution = index.resolve(text)
        assert resolution is not None
        assert (resolution.number, resolution.alternatives) == (number, alternatives)

    @pytest.mark.parametrize("text", ["", " ", "\x00", "emm", "withdrawn", "Star Wars: Thrawn", "!!!", "\u200d"])
    def test_not_found(self, index: TitleIndex, text: str) -> None:
        assert index.resolve(text) is None

    @settings(max_examples=60, deadline=None)
    @given(st.lists(TITLE_LIKE | ANYTHING, min_size=1, max_size=8))
    def test_every_title_of_a_catalogue_finds_a_book_of_the_same_key(self, titles: list[str]) -> None:
        index = index_of(*((title, "", number) for number, title in enumerate(titles)))
        for title in titles:
            resolution = index.resolve(title)
            if title_key(title):
                assert resolution is not None
                assert title_key(titles[resolution.number]) == title_key(title)
            else:
                assert resolution is None

    def test_many_books_of_one_title_give_a_bounded_list(self) -> None:
        resolution = index_of(*(("Untitled", "", number) for number in range(500))).resolve("untitled")
        assert resolution is not None
        assert resolution.number == 499
        assert resolution.alternatives[:3] == [498, 497, 496]
        assert len(resolution.alternatives) < 100


class TestSuggestAndSearch:
    BOOKS = (
        ("The Hobbit", "J.R.R. Tolkien", 2000),
        ("The Hobbit: Anniversary Edition", "J.R.R. Tolkien", 10),
        ("The Fellowship of the Ring (The Lord of the Rings, #1)", "J.R.R. Tolkien", 1700),
        ("Harry Potter and the Chamber of Secrets (Harry Potter, #2)", "J.K. Rowling", 1800),
        ("Harriet the Spy", "Louise Fitzhugh", 60),
        ("The Silence of the Lambs", "Thomas Harris", 1900),
        ("To Kill a Mockingbird", "Harper Lee", 3000),
        ("ノルウェイの森", "村上春樹", 50),
        ("Преступление и наказание", "Фёдор Достоевский", 40),
        ("Hobbies", "X", 1),
        ("Gone", "Michael Grant", 100),
        ("Withdrawn Hobbit", "J.R.R. Tolkien", 9999),
    )

    @pytest.fixture(scope="class")
    @classmethod
    def index(cls) -> TitleIndex:
        return index_of(*cls.BOOKS, inactive=(11,))

    @pytest.mark.parametrize(
        ("text", "first"),
        [
            ("the hobit", 0),
            ("teh hobbit", 0),
            ("tolkein", 0),
            ("tolkien hobit", 0),
            ("j r r tolkien", 0),
            ("jk rowling", 3),
            ("harrypotter", 3),
            ("mocking bird", 6),
            ("lord of rings", 2),
            ("森", 7),
            ("村上", 7),
            ("преступление и наказанье", 8),
            ("достоевский", 8),
        ],
    )
    def test_suggests_what_was_meant(self, index: TitleIndex, text: str, first: int) -> None:
        assert index.suggest(text)[0] == first

    @pytest.mark.parametrize(
        "text", ["", "   ", "xyzzy", "qwertyuiop", "🐉🐉", "\x00\x01", "lorem ipsum dolor sit amet", "\ud800"]
    )
    def test_suggests_nothing_rather_than_nonsense(self, index: TitleIndex, text: str) -> None:
        assert index.suggest(text) == []

    def test_beginnings_of_title_words_come_before_authors_popular_ones_first(self, index: TitleIndex) -> None:
        assert index.search("harr") == [3, 5, 4]
        assert index.search("har pot") == [3]

    def test_author_is_found_while_typing(self, index: TitleIndex) -> None:
        assert index.search("tolk") == [0, 2]
        assert index.search("j.k. r") == [3]

    def test_typing_errors_in_an_unfinished_word_are_forgiven(self, index: TitleIndex) -> None:
        assert index.search("mokingb")[0] == 6

    def test_one_edition_of_a_work_and_none_withdrawn(self, index: TitleIndex) -> None:
        for found in (index.suggest("hobbit"), index.search("hobbit")):
            assert 0 in found
            assert not {1, 11} & set(found)

    def test_given_work_ids_are_used(self) -> None:
        titles, authors = ["Dune", "Dune Messiah"], [["Frank Herbert"]] * 2
        work_id = np.zeros(2, np.int32)
        index = TitleIndex(titles, authors, np.array([1, 9]), np.ones(2, np.bool_), work_id)
        assert index.search("dune") == [0]
        assert index.suggest("messiah") == [1]

    def test_limit(self, index: TitleIndex) -> None:
        assert len(index.search("h", limit=2)) == 2
        assert index.search("hobbit", limit=0) == index.suggest("hobbit", limit=-5) == []

    @settings(max_examples=150, deadline=None)
    @given(ANYTHING | TITLE_LIKE, st.integers(-2, 12))
    def test_any_text_gives_distinct_active_works(self, text: str, limit: int) -> None:
        for found in (EVERY_KIND.suggest(text, limit), EVERY_KIND.search(text, limit)):
            assert len(found) <= max(limit, 0)
            assert len(set(found)) == len(found)
            assert set(found) <= set(range(11))
            assert not {0, 1} <= set(found)
        EVERY_KIND.resolve(text)

    @pytest.mark.parametrize("active", [True, False])
    def test_catalogue_with_nothing_to_find(self, active: bool) -> None:  # noqa: FBT001 - a parameter of the test
        for titles in ([], ["", "\x00"], ["!"]):
            index = TitleIndex(
                titles, [[] for _ in titles], np.zeros(len(titles), np.int64), np.full(len(titles), active)
            )
            assert index.suggest("hobbit") == index.search("hobbit") == []
            assert index.resolve("hobbit") is None


EVERY_KIND = index_of(*TestSuggestAndSearch.BOOKS, inactive=(11,))
