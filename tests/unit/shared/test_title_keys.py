"""Title keys: the same book however its title is typed, and authors' names."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings

from shared.title_keys import (
    author_key,
    author_keys,
    last_name,
    name_words,
    parse_title,
    search_words,
    series_positions,
    title_key,
)
from tests.worlds.title_texts import ANYTHING, TITLE_LIKE


class TestTitleKey:
    @pytest.mark.parametrize(
        ("title", "typed"),
        [
            ("The Hunger Games (The Hunger Games, #1)", "hunger games"),
            ("The Wee Free Men (Discworld, #30; Tiffany Aching, #1)", "wee free men"),
            ("Peak (Peak #1)", "PEAK"),
            ("The Prisoner of Azkaban (Harry Potter, Book 3)", "the prisoner of azkaban"),
            ("Les Misérables", "les miserables"),
            ("Ender's Game", "enders game"),
            ("Ender\u2019s Game", "ender's game"),
            ("Catch-22", "catch 22"),
            ("11/22/63", "11 22 63"),
            ("Pride & Prejudice", "Pride and Prejudice"),
            ("Hobbit, The", "the hobbit"),
            ("Saga, Vol. 02", "saga volume 2"),
            ("Henry IV, Part One", "henry iv part 1"),
            ("The A.B.C. Murders", "abc murders"),
            ("M*A*S*H", "mash"),
            ("U.S.A., The", "usa"),
            ("U.S. A Novel", "us a novel"),
            ("2001: A Space Odyssey", "2001 a space odyssey"),
            ("Smörgåsbord & Øl", "smorgasbord and ol"),
            ("\uff26\uff35\uff2c\uff2c\u3000\uff37\uff29\uff24\uff34\uff28", "full width"),
            ("Ёлка", "елка"),
            ("مُقَدِّمة", "مقدمة"),
        ],
    )
    def test_same_book_however_it_is_typed(self, title: str, typed: str) -> None:
        assert title_key(title) == title_key(typed) != ""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Henry IV, Part 1", "Henry IV, Part 2"),
            ("Maus I", "Maus II"),
            ("Saga, Vol. 1", "Saga, Vol. 2"),
            ("Batman: Year One", "Batman: The Killing Joke"),
            ("Star Wars: Heir to the Empire", "Star Wars: Lost Stars"),
            ("1984", "1985"),
            ("C++ Primer", "C Primer"),
            ("がん", "かん"),
            ("किताब", "कताब"),
            ("The Stand (Part 1)", "The Stand (Part 2)"),
            ("(Discworld #3)", "(Discworld #4)"),
            ("???", "!!!"),
        ],
    )
    def test_different_books_stay_apart(self, one: str, other: str) -> None:
        assert title_key(one) != title_key(other)

    @settings(deadline=None)
    @given(ANYTHING | TITLE_LIKE)
    @example("the a an the")
    @example("ŉ")
    @example("İstanbul")
    @example("volume volume one one")
    def test_idempotent_and_never_raises(self, text: str) -> None:
        key = title_key(text)
        assert title_key(key) == key

    @settings(deadline=None)
    @given(ANYTHING | TITLE_LIKE)
    def test_key_begins_with_each_head_and_words_are_single_spaced(self, text: str) -> None:
        parsed = parse_title(text)
        assert all(parsed.full.startswith(head + " ") for head in parsed.heads)
        for form in (parsed.full, parsed.searchable, *parsed.heads):
            assert form == " ".join(form.split())

    def test_cut_at_each_break(self) -> None:
        parsed = parse_title("Naruto, Vol. 01: The Tests of the Ninja (Naruto, #1)")
        assert parsed.heads == ("naruto", "naruto vol 1")
        assert parsed.volume == "vol 1"

    @pytest.mark.parametrize(
        ("name", "words", "filed_under"),
        [
            ("J.R.R. Tolkien", "jrr tolkien", "tolkien"),
            ("Tolkien, J. R. R.", "tolkien jrr", "tolkien"),
            ("J K Rowling", "jk rowling", "rowling"),
            ("Martin Luther King Jr.", "martin luther king jr", "king"),
            ("Antoine de Saint-Exupéry", "antoine de saint exupery", "saintexupery"),
            ("", "", ""),
        ],
    )
    def test_names(self, name: str, words: str, filed_under: str) -> None:
        assert name_words(name) == words
        assert last_name(name) == filed_under

    @pytest.mark.parametrize(
        "name",
        [
            "Unknown", "Various", "Anonymous", "Anon.", "N/A", "Various Authors", "Author Unknown", "[s.n.]", "AA.VV.",
            "An\u00f3nimo", "Autor desconocido", "Unbekannter Autor", "Auteurs divers", "Неизвестный автор", "佚名",
            "Unknown, Unknown", "Various (Editor)", "et al.", "None", "NULL", "-", "",
        ],
    )  # fmt: skip
    def test_a_name_that_says_no_author_has_no_key(self, name: str) -> None:
        assert author_key(name) == ""
        assert author_keys([name, "Ann Ode", "Ode, Ann"]) == ["ann ode"]

    @pytest.mark.parametrize("name", ["Nan Goldin", "Various Vera", "An Na", "A. A. Milne", "The Editors of Time"])
    def test_a_name_that_only_looks_so_has_one(self, name: str) -> None:
        assert author_key(name)

    @pytest.mark.parametrize(
        ("text", "words"),
        [("war, and peace", "war and peace"), ("ハリー・p", "ハ リ ー p"), ("война и мир", "война и мир")],
    )
    def test_ideographs_are_searched_one_by_one(self, text: str, words: str) -> None:
        assert search_words(text) == words

    @pytest.mark.parametrize(
        ("inside", "positions"),
        [
            ("the death, #1; discworld, #4.5", {"death": "1", "discworld": "4p5"}),
            ("discworld #04; omnibus", {"discworld": "04"}),
            ("harry potter, book 03", {"harry potter": "3"}),
            ("discworld, 12", {"discworld": "12"}),
            ("harry potter", {}),
        ],
    )
    def test_positions_in_a_series(self, inside: str, positions: dict[str, str]) -> None:
        assert series_positions((inside,)) == positions
