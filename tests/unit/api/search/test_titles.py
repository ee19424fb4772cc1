"""Title keys, editions, and what people mean when they type a title."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.api.search.titles import TitleIndex, edition_groups, edition_key, title_key
from shared.title_keys import last_name, name_words, parse_title
from tests.paths import DATASETS

ANYTHING = st.text(max_size=250)
TITLE_LIKE = st.text(" .,:;-()[]#&+*'123aAbIVİéß½本\x00\u200d🐉\ud800ن", max_size=40) | st.lists(
    st.sampled_from(
        ["The", "an", "Hobbit", "Vol.", "Volume", "02", "II", "Part", "Two", ":", "-", "(", "[", "#1)", "&", "J.R.R."]
    ),
    max_size=12,
).map(" ".join)


def index_of(*books: tuple[str, str, int], inactive: tuple[int, ...] = ()) -> TitleIndex:
    active = np.ones(len(books), np.bool_)
    active[list(inactive)] = False
    return TitleIndex(
        [title for title, _, _ in books],
        [[author] if author else [] for _, author, _ in books],
        np.array([n_ratings for _, _, n_ratings in books], np.int64),
        active,
    )


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

    @given(ANYTHING | TITLE_LIKE)
    @example("the a an the")
    @example("ŉ")
    @example("İstanbul")
    @example("volume volume one one")
    def test_idempotent_and_never_raises(self, text: str) -> None:
        key = title_key(text)
        assert title_key(key) == key

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
        assert self.groups(("Dune", ""), ("Dune", ""), ("Dune: Messiah", "")) == [0, 0, 2]

    def test_companions_and_adaptations_are_books_of_their_own(self) -> None:
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

    @settings(max_examples=40)
    @given(st.lists(st.tuples(TITLE_LIKE | ANYTHING, st.lists(ANYTHING, max_size=2)), max_size=30))
    def test_group_is_the_lowest_number_in_it(self, books: list[tuple[str, list[str]]]) -> None:
        groups = edition_groups([title for title, _ in books], [names for _, names in books])
        assert groups.dtype == np.int32
        assert groups.shape == (len(books),)
        assert (groups <= np.arange(len(books))).all()
        assert (groups[groups] == groups).all()


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

    @settings(max_examples=60)
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

    def test_given_editions_are_used(self) -> None:
        titles, authors = ["Dune", "Dune Messiah"], [["Frank Herbert"]] * 2
        editions = np.zeros(2, np.int32)
        index = TitleIndex(titles, authors, np.array([1, 9]), np.ones(2, np.bool_), editions)
        assert index.search("dune") == [0]
        assert index.suggest("messiah") == [1]

    def test_limit(self, index: TitleIndex) -> None:
        assert len(index.search("h", limit=2)) == 2
        assert index.search("hobbit", limit=0) == index.suggest("hobbit", limit=-5) == []

    @settings(max_examples=150)
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


@pytest.fixture(scope="module")
def goodbooks() -> tuple[TitleIndex, list[str]]:
    path = DATASETS / "goodbooks-10k" / "books.csv"
    if not path.is_file():
        pytest.skip(f"goodbooks-10k is not at {path}; set NIGHTSHELF_DATASETS to the folder that holds it")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    titles = [row["title"] for row in rows]
    index = TitleIndex(
        titles,
        [row["authors"].split(", ") for row in rows],
        np.array([int(row["ratings_count"]) for row in rows], np.int64),
        np.ones(len(rows), np.bool_),
    )
    return index, titles


class TestRealCatalogue:
    @pytest.mark.parametrize(
        ("text", "first"),
        [
            ("hary poter", "Harry Potter and the Sorcerer's Stone"),
            ("harry potter 3", "Harry Potter and the Prisoner of Azkaban"),
            ("harry potter chamber secrets", "Harry Potter and the Chamber of Secrets"),
            ("j k rowling", "Harry Potter and the Sorcerer's Stone"),
            ("the hobit", "The Hobbit"),
            ("tolkein", "The Hobbit"),
            ("tolkien hobbit", "The Hobbit"),
            ("lord of rings", "The Lord of the Rings"),
            ("pride and predjudice", "Pride and Prejudice"),
            ("jane austin", "Pride and Prejudice"),
            ("hunger gmaes", "The Hunger Games"),
            ("hungergames", "The Hunger Games"),
            ("to kill a mocking bird", "To Kill a Mockingbird"),
            ("catch22", "Catch-22"),
            ("time traveller's wife", "The Time Traveler's Wife"),
            ("perks of being a wall", "The Perks of Being a Wallflower"),
            ("hitchhiker guide", "The Hitchhiker's Guide to the Galaxy"),
            ("girl with dragon tattoo", "The Girl with the Dragon Tattoo"),
            ("dosteyevsky", "Crime and Punishment"),
            ("crime and punishement", "Crime and Punishment"),
            ("game of throne", "A Game of Thrones"),
            ("george r r martin", "A Game of Thrones"),
            ("davinci code", "The Da Vinci Code"),
            ("the alchimist", "The Alchemist"),
            ("coelho alchemist", "The Alchemist"),
            ("great gatsbee", "The Great Gatsby"),
            ("of mice and man", "Of Mice and Men"),
            ("stephen kign", "The Shining"),
            ("stephen king it", "It"),
            ("animal frm", "Animal Farm"),
            ("murakami", "Norwegian Wood"),
            ("norweigan wood", "Norwegian Wood"),
            ("fault in our star", "The Fault in Our Stars"),
            ("farenheit 451", "Fahrenheit 451"),
            ("brave new wrld", "Brave New World"),
            ("shakespear", "Romeo and Juliet"),
            ("romeo juliet", "Romeo and Juliet"),
            ("1984 orwell", "1984"),
            ("wuthering hights", "Wuthering Heights"),
            ("frankenstien", "Frankenstein"),
            ("dune mesiah", "Dune Messiah"),
            ("life of pie", "Life of Pi"),
            ("kite runer", "The Kite Runner"),
            ("agatha cristie", "And Then There Were None"),
            ("one hundred years solitude", "One Hundred Years of Solitude"),
            ("gone grl", "Gone Girl"),
            ("ulysees", "Ulysses"),
            ("charlotts web", "Charlotte's Web"),
            ("lion witch wardrobe", "The Lion, the Witch, and the Wardrobe"),
            ("a clockwork ornage", "A Clockwork Orange"),
            ("vonegut", "Slaughterhouse-Five"),
        ],
    )
    def test_suggested_first(self, goodbooks: tuple[TitleIndex, list[str]], text: str, first: str) -> None:
        index, titles = goodbooks
        assert titles[index.suggest(text)[0]].startswith(first)

    @pytest.mark.parametrize(
        ("text", "among"),
        [
            ("sherlock homes", "The Adventures of Sherlock Holmes"),
            ("ulises", "Ulysses"),
            ("c s lewis", "Mere Christianity"),
            ("dr suess", "The Cat in the Hat"),
            ("spiderman", "Ultimate Spider-Man"),
            ("percy jackson", "The Lightning Thief"),
            ("discworld", "The Color of Magic"),
        ],
    )
    def test_among_the_suggestions(self, goodbooks: tuple[TitleIndex, list[str]], text: str, among: str) -> None:
        index, titles = goodbooks
        assert any(titles[number].startswith(among) for number in index.suggest(text))

    @pytest.mark.parametrize("text", ["asdfgh", "qwertyuiop", "xyzzy", "lorem ipsum dolor sit amet", "foo bar baz"])
    def test_nonsense_suggests_nothing(self, goodbooks: tuple[TitleIndex, list[str]], text: str) -> None:
        assert goodbooks[0].suggest(text) == []

    @pytest.mark.parametrize(
        ("text", "first"),
        [
            ("harr", "Harry Potter and the Sorcerer's Stone"),
            ("potter", "Harry Potter and the Sorcerer's Stone"),
            ("harry potter", "Harry Potter and the Sorcerer's Stone"),
            ("tolk", "The Hobbit"),
            ("it", "It"),
            ("emma", "Emma"),
            ("the ho", "The Hobbit"),
            ("1984", "1984"),
            ("steph ki", "The Shining"),
            ("jane au", "Pride and Prejudice"),
            ("lord of th", "Lord of the Flies"),
            ("predju", "Pride and Prejudice"),
            ("murder on the", "Murder on the Orient Express"),
        ],
    )
    def test_searched_first(self, goodbooks: tuple[TitleIndex, list[str]], text: str, first: str) -> None:
        index, titles = goodbooks
        assert titles[index.search(text)[0]].startswith(first)

    def test_every_title_resolves_to_its_key(self, goodbooks: tuple[TitleIndex, list[str]]) -> None:
        index, titles = goodbooks
        for title in titles:
            resolution = index.resolve(title)
            assert resolution is not None
            assert title_key(titles[resolution.number]) == title_key(title)
