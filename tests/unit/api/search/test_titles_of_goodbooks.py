"""Titles on the catalogue of goodbooks-10k: what people type, and the book they mean."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from services.api.search.title_table import OtherNames
from services.api.search.titles import TitleIndex
from shared.books.isbn import isbns_in
from shared.title_keys import title_key
from tests.paths import DATASETS


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
        also=OtherNames(
            [""] * len(rows), [[row["original_title"]] for row in rows], [isbns_in(row["isbn"]) for row in rows]
        ),
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

    @pytest.mark.parametrize(
        ("text", "first"),
        [
            ("The Hobbit (Paperback)", "The Hobbit"),
            ("1984 (Signet Classics)", "1984"),
            ("Frankenstein; or, the Modern Prometheus", "Frankenstein"),
            ("Gone Girl: A Novel", "Gone Girl"),
            ("sapiens book", "Sapiens: A Brief History"),
            ("the help movie", "The Help"),
            ("me before u", "Me Before You"),
            ("hamlet prince of denmark", "Hamlet"),
            ("the giver quartet 1", "The Giver"),
            ("mockingjay part 1", "Mockingjay"),
            ("50 shades of grey", "Fifty Shades of Grey"),
            ("the great gatsby f scott fitzgerald book", "The Great Gatsby"),
            ("Moby Dick", "Moby-Dick"),
            ("0439023483", "The Hunger Games"),
            ("ISBN 978-0-439-02348-1", "The Hunger Games"),
            ("Cien a\u00f1os de soledad", "One Hundred Years of Solitude"),
            ("O Alquimista", "The Alchemist"),
            ("Harry Potter and the Philosopher's Stone", "Harry Potter and the Sorcerer's Stone"),
        ],
    )
    def test_resolved_and_searched_first(self, goodbooks: tuple[TitleIndex, list[str]], text: str, first: str) -> None:
        index, titles = goodbooks
        resolution = index.resolve(text)
        assert resolution is not None
        assert titles[resolution.number].startswith(first)
        assert titles[index.search(text)[0]].startswith(first)

    @pytest.mark.parametrize(
        ("text", "first"),
        [
            ("philosophers stone", "Harry Potter and the Sorcerer's Stone"),
            ("the hungr games movie", "The Hunger Games"),
            ("harry potter azkaban film", "Harry Potter and the Prisoner of Azkaban"),
            ("tkam", "To Kill a Mockingbird"),
            ("GoT", "A Game of Thrones"),
            ("hp 1", "Harry Potter and the Sorcerer's Stone"),
            ("asoiaf", "A Game of Thrones"),
            ("lotr", "The Lord of the Rings"),
            ("lotr 2", "The Two Towers"),
        ],
    )
    def test_searched_and_suggested_first(self, goodbooks: tuple[TitleIndex, list[str]], text: str, first: str) -> None:
        index, titles = goodbooks
        assert titles[index.search(text)[0]].startswith(first)
        assert titles[index.suggest(text)[0]].startswith(first)

    @pytest.mark.parametrize("text", ["wheres waldo", "hhgttg", "potc", "xkcd", "foo bar baz"])
    def test_nonsense_finds_nothing(self, goodbooks: tuple[TitleIndex, list[str]], text: str) -> None:
        index, _titles = goodbooks
        assert index.search(text) == index.suggest(text) == []

    def test_every_title_resolves_to_its_key(self, goodbooks: tuple[TitleIndex, list[str]]) -> None:
        index, titles = goodbooks
        for title in titles:
            resolution = index.resolve(title)
            assert resolution is not None
            assert title_key(titles[resolution.number]) == title_key(title)
