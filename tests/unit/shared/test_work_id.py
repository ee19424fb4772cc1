"""Editions of one work: what is merged and what is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.work_id import edition_groups, edition_key
from tests.worlds.title_texts import ANYTHING, TITLE_LIKE


class TestEditions:
    @staticmethod
    def groups(*books: tuple[str, str]) -> list[int]:
        groups = edition_groups([title for title, _ in books], [[name] if name else [] for _, name in books])
        return [int(group) for group in groups]

    def test_printings_and_a_single_subtitle_are_editions(self) -> None:
        assert self.groups(
            ("Sapiens: A Brief History of Humankind", "Yuval Noah Harari"),
            ("Sapiens", "Harari, Yuval Noah"),
            ("Sapiens: A Graphic History, Volume 1", "Yuval Noah Harari"),
            ("Sapiens: 10th Anniversary Edition", "Yuval Noah Harari"),
        ) == [0, 0, 2, 0]

    def test_subtitles_of_several_books_part_them(self) -> None:
        assert self.groups(
            ("Batman: Year One", "Frank Miller"),
            ("Batman: The Dark Knight Returns", "Frank Miller"),
            ("Batman: The Dark Knight Returns (Deluxe Edition)", "Frank Miller"),
        ) == [0, 1, 1]

    def test_a_companion_is_a_work_of_its_own(self) -> None:
        assert self.groups(("Sapiens", "Y. Harari"), ("Sapiens: The Companion", "Y. Harari")) == [0, 1]

    def test_volumes_are_never_merged(self) -> None:
        assert self.groups(
            ("Naruto, Vol. 1", "Masashi Kishimoto"),
            ("Naruto, Vol. 01: The Tests of the Ninja (Naruto, #1)", "Masashi Kishimoto"),
            ("Naruto, Vol. 2", "Masashi Kishimoto"),
            ("Henry IV, Part 1", "William Shakespeare"),
            ("Henry IV, Part 2", "William Shakespeare"),
        ) == [0, 0, 2, 3, 4]

    def test_positions_in_a_series_part_books_of_one_title(self) -> None:
        assert self.groups(
            ("Saga (Saga, #10)", "A"), ("Saga (Saga, #2)", "A"), ("Saga", "A"), ("Saga (The Saga, #2)", "A")
        ) == [0, 1, 1, 1]

    def test_author_decides(self) -> None:
        assert self.groups(("Emma", "Jane Austen"), ("Emma", "Alexander McCall Smith"), ("Emma", "")) == [0, 1, 2]

    @pytest.mark.parametrize("name", ["", "Unknown", "Various", "Anon.", "n/a"])
    def test_without_a_known_author_an_equal_title_is_not_one_work(self, name: str) -> None:
        assert self.groups(*[("Selected Poems", name)] * 3, ("Selected Poems", "Ann Ode")) == [0, 1, 2, 3]

    def test_an_unknown_author_before_a_known_one_does_not_count(self) -> None:
        authors = [["Unknown", "Ann Ode"], ["Ode, Ann"], ["Unknown", "Bo Lay"]]
        assert edition_groups(["Sagas"] * 3, authors).tolist() == [0, 0, 2]

    def test_guides_and_adaptations_are_books_of_their_own(self) -> None:
        assert self.groups(
            ("Mort (Discworld, #4)", "Terry Pratchett"),
            ("Mort: The Play", "Terry Pratchett"),
            ("Coraline", "Neil Gaiman"),
            ("Coraline (Illustrated/Graphic Novel Edition)", "Neil Gaiman"),
        ) == [0, 1, 2, 3]

    def test_books_without_a_title_are_not_one_work(self) -> None:
        assert self.groups(("", "A"), ("", "A"), ("\x00", "A")) == [0, 1, 2]

    def test_key_of_one_book(self) -> None:
        assert edition_key("The Goldfinch: A Novel", ["Donna Tartt"]) == edition_key("Goldfinch", ["Tartt, Donna"])
        assert edition_key("Batman: Year One", ["A"]) != edition_key("Batman: The Killing Joke", ["A"])
        assert edition_key("Dune", []) != edition_key("Dune", ["Frank Herbert"])

    def test_of_very_many_books_of_one_title_only_equal_positions_are_one_work(self) -> None:
        n_books = 301
        groups = self.groups(*[(f"Saga (Saga, #{number % 3 + 1})", "A") for number in range(n_books)], ("Saga", "A"))
        assert groups == [*[number % 3 for number in range(n_books)], n_books]

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.tuples(TITLE_LIKE | ANYTHING, st.lists(ANYTHING, max_size=2)), max_size=30))
    def test_group_is_the_lowest_number_in_it(self, books: list[tuple[str, list[str]]]) -> None:
        groups = edition_groups([title for title, _ in books], [names for _, names in books])
        assert groups.dtype == np.int32
        assert groups.shape == (len(books),)
        assert (groups <= np.arange(len(books))).all()
        assert (groups[groups] == groups).all()
