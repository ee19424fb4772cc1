"""A made-up library small enough to run a whole night over in a moment: 80 books, 120 readers with one taste each."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, field, replace
from pathlib import Path

TASTES = ("tides", "clockwork", "orchards", "glaciers")
N_BOOKS = 80
N_READERS = 120
RATINGS_OF_A_READER = 12
N_DISLIKED = 3
FIRST_RATING_SECONDS = 1_600_000_000.0
_QUALITIES = ("Amber", "Borrowed", "Crooked", "Drowsy", "Endless", "Folded", "Gilded", "Hollow", "Idle", "Jagged")
_THINGS = ("Lantern", "Harbour", "Ladder", "Orchestra", "Almanac", "Bridge", "Garden", "Mirror")
_MAPPING = """\
name = "small world"

[books]
file = "books.csv"
[books.columns]
book_id = "book"
title = "title"
authors = "authors"
genres = "genres"
description = "text"
year = "year"

[[interactions]]
file = "stars.csv"
columns = { user_id = "reader", book_id = "book", value = "stars", time = "at" }
"""


@dataclass
class Book:
    """A row of the books' table."""

    title: str
    author: str
    genre: str
    description: str
    year: int = 1970


@dataclass
class SmallWorld:
    """Books by id, and stars and time of each reader and book. Change it and `write` it again for another night."""

    books: dict[str, Book] = field(default_factory=dict)
    stars: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    n_ratings: int = 0

    def rate(self, reader: str, book_id: str, stars: float) -> None:
        """Add a rating, later than all there are."""
        self.n_ratings += 1
        self.stars[reader, book_id] = (stars, FIRST_RATING_SECONDS + self.n_ratings)

    def copy(self) -> SmallWorld:
        """Another world that begins like this one."""
        return SmallWorld(
            {book_id: replace(book) for book_id, book in self.books.items()}, dict(self.stars), self.n_ratings
        )

    def write(self, folder: Path) -> Path:
        """Write the tables and their mapping, as the generic source reads them; returns the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "nightshelf.toml").write_text(_MAPPING)
        with (folder / "books.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("book", "title", "authors", "genres", "text", "year"))
            for book_id, book in self.books.items():
                writer.writerow((book_id, book.title, book.author, book.genre, book.description, book.year))
        with (folder / "stars.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("reader", "book", "stars", "at"))
            for (reader, book_id), (stars, seconds) in self.stars.items():
                writer.writerow((reader, book_id, stars, seconds))
        return folder


def small_world(seed: int = 7) -> SmallWorld:
    """The library: each reader gives 4 or 5 stars to books of one genre, and 1 or 2 to a few others."""
    chance = random.Random(seed)
    world = SmallWorld()
    for number in range(N_BOOKS):
        taste = TASTES[number % len(TASTES)]
        quality, thing = _QUALITIES[number % len(_QUALITIES)], _THINGS[number // len(_QUALITIES)]
        world.books[f"b{number:02}"] = Book(
            title=f"The {quality} {thing}",
            author=f"{chance.choice('ABCDEFGH')}. {thing}smith",
            genre=taste,
            description=f"A {quality.lower()} {thing.lower()} is found among {taste}; nobody will say whose it was.",
        )
    for number in range(N_READERS):
        taste = TASTES[number % len(TASTES)]
        own = [book_id for book_id, book in world.books.items() if book.genre == taste]
        others = [book_id for book_id, book in world.books.items() if book.genre != taste]
        rated = chance.sample(own, RATINGS_OF_A_READER - N_DISLIKED) + chance.sample(others, N_DISLIKED)
        for book_id in chance.sample(rated, RATINGS_OF_A_READER):
            liked = world.books[book_id].genre == taste
            world.rate(f"r{number:03}", book_id, chance.choice((4, 5) if liked else (1, 2)))
    return world
