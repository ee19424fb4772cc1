"""Simulates books and ratings at any scale from a latent structure.

Books belong to circles of taste (each within one genre), to authors and to series; their popularity has a long tail.
Readers like a few circles. Books are drawn by circle and popularity from cumulative sums, without a reader-book matrix:
memory is about fifty bytes per book plus one block of readers.

The seed determines everything. Each block of readers has its own random stream, so blocks can be made in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from services.batch.synthetic import prose
from services.batch.synthetic.vocabulary import GENRES

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

END_TIME_SECONDS = int(datetime(2026, 6, 30, tzinfo=UTC).timestamp())
SPAN_SECONDS = 730 * 86_400  # two years
GENRE_NAMES = tuple(GENRES)
MAX_BOOKS_PER_AUTHOR = min(len(words.nouns) for words in GENRES.values())  # an author never repeats a title
N_TASTES = 3
SHARE_ANYWHERE = 0.15
SHARE_READ_ON = 0.2
SHARE_STRAY_BOOKS = 0.15  # share of books outside the circle of their author
SHARE_RELATED_TASTE = 0.6
SHARE_SECOND_GENRE = 0.5
SHARE_SERIES_AUTHORS = 0.5
MAX_ROUNDS = 5

_STREAM_WORLD, _STREAM_BOOKS, _STREAM_READERS = range(3)


@dataclass(frozen=True, slots=True)
class World:
    """The latent structure. Arrays are over books unless stated otherwise.

    Attributes:
        seed: of all random numbers.
        genre_of_circle: (n_circles,), index into `GENRE_NAMES`.
        circles: the circle of each book.
        authors: author numbers, ascending: an author's books are adjacent.
        nth_of_author: position among the author's books, from 0.
        series_length: length of the series a book belongs to, 0 for none; positions are `nth_of_author` + 1.
        years: year of publication.
        quality: standard normal, shared by all readers.
        by_circle: books sorted by circle.
        mass: (n_books + 1,), cumulative reading weight in the order of `by_circle`, from 0.
        circle_bounds: (n_circles + 1,), the start of each circle in `by_circle`.
    """

    seed: int
    genre_of_circle: IntArray
    circles: IntArray
    authors: IntArray
    nth_of_author: IntArray
    series_length: IntArray
    years: IntArray
    quality: FloatArray
    by_circle: IntArray
    mass: FloatArray
    circle_bounds: IntArray

    @property
    def n_books(self) -> int:
        """Number of books."""
        return len(self.circles)


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings of one block of readers, by reader and then time; each pair of reader and book appears once.

    Attributes:
        users: int64, relative to the block's first reader.
        books: int64, positions in the arrays of `World`.
        stars: int8, 1 to 5.
        timestamps: int64, seconds since 1970.
    """

    users: IntArray
    books: IntArray
    stars: NDArray[np.int8]
    timestamps: IntArray


def build_world(n_books: int, seed: int) -> World:
    """Generate `n_books` books; memory and time are linear in `n_books`."""
    rng = np.random.default_rng([seed, _STREAM_WORLD])
    n_circles = int(np.clip(n_books // 60, min(8, n_books), 400))
    genre_of_circle = rng.permutation(n_circles) % len(GENRE_NAMES)
    sizes = np.minimum(1 + rng.exponential(3.5, n_books).astype(np.int64), MAX_BOOKS_PER_AUTHOR)
    n_authors = int(np.searchsorted(np.cumsum(sizes), n_books)) + 1
    sizes = sizes[:n_authors]
    sizes[-1] -= int(sizes.sum()) - n_books
    authors = np.repeat(np.arange(n_authors), sizes)
    nth_of_author = np.arange(n_books) - np.repeat(np.cumsum(sizes) - sizes, sizes)

    lengths = np.minimum(2 + rng.integers(0, 5, n_authors), sizes)
    lengths[(sizes == 1) | (rng.random(n_authors) >= SHARE_SERIES_AUTHORS)] = 0
    in_series = nth_of_author < lengths[authors]
    series_length = np.where(in_series, lengths[authors], 0)
    debut_years = rng.integers(1950, 2015, n_authors)
    years = np.minimum(debut_years[authors] + nth_of_author + rng.integers(0, 2, n_books), 2025)

    home = np.minimum((n_circles * rng.random(n_authors) ** 1.3).astype(np.int64), n_circles - 1)
    circles = home[authors]
    strays = np.flatnonzero(rng.random(n_books) < SHARE_STRAY_BOOKS)
    circles[strays] = _same_genre_circle(genre_of_circle, circles[strays], rng)

    weights = (rng.permutation(n_books) + 4.0) ** -0.85
    weights *= np.where(in_series, 0.8**nth_of_author, 1.0)
    by_circle = np.argsort(circles, kind="stable")
    bounds = np.searchsorted(circles[by_circle], np.arange(n_circles + 1))
    return World(
        seed=seed,
        genre_of_circle=genre_of_circle,
        circles=circles,
        authors=authors,
        nth_of_author=nth_of_author,
        series_length=series_length,
        years=years,
        quality=rng.standard_normal(n_books),
        by_circle=by_circle,
        mass=np.concatenate([[0.0], np.cumsum(weights[by_circle])]),
        circle_bounds=bounds.astype(np.int64),
    )


def books_in_words(world: World, start: int, stop: int) -> dict[str, list[object]]:
    """Columns title, authors, year, genres, series, series_position, description of the books `start` to `stop`."""
    rng = np.random.default_rng([world.seed, _STREAM_BOOKS, start])
    choices = rng.integers(0, 2**31, (stop - start, 8)).tolist()
    has_second_genre = rng.random(stop - start) < SHARE_SECOND_GENRE
    columns: dict[str, list[object]] = {
        name: [] for name in ("title", "authors", "year", "genres", "series", "series_position", "description")
    }
    for row, number in enumerate(range(start, stop)):
        circle, author, nth = int(world.circles[number]), int(world.authors[number]), int(world.nth_of_author[number])
        genre = GENRE_NAMES[world.genre_of_circle[circle]]
        genres = [genre]
        if has_second_genre[row]:
            neighbour = GENRE_NAMES[(world.genre_of_circle[circle] + 1 + circle % 5) % len(GENRE_NAMES)]
            genres.append(neighbour)
        in_series = world.series_length[number] > 0
        first_genre = GENRE_NAMES[world.genre_of_circle[world.circles[number - nth]]]  # that of the series' first book
        columns["title"].append(prose.title(genre, nth, choices[row]))
        columns["authors"].append([prose.person(author)])
        columns["year"].append(int(world.years[number]))
        columns["genres"].append(genres)
        columns["series"].append(prose.series_name(first_genre, author) if in_series else None)
        columns["series_position"].append(float(nth + 1) if in_series else None)
        columns["description"].append(prose.description(genre, prose.place(circle * 911), choices[row]))
    return columns


def ratings_of_block(world: World, block: int, n_users: int, ratings_per_user: int) -> Ratings:
    """Ratings of one block of readers.

    Args:
        world: from `build_world`.
        block: selects the random stream.
        n_users: number of readers in the block.
        ratings_per_user: mean number of ratings of a reader, at most half of `world.n_books`; activity has a long
            tail, up to ten times the mean.
    """
    rng = np.random.default_rng([world.seed, _STREAM_READERS, block])
    max_count = max(1, min(world.n_books // 2, 10 * ratings_per_user))
    activity = np.exp(0.7 * rng.standard_normal(n_users) - 0.245)
    counts = np.clip(np.rint(ratings_per_user * activity), 1, max_count).astype(np.int64)
    tastes, shares = _tastes(world, n_users, rng)
    users, books = _choose(world, counts, tastes, shares, rng)
    books = _volumes_in_order(world, users, books)

    affinity = (shares[users] * (tastes[users] == world.circles[books][:, None])).sum(axis=1)
    generosity = 0.4 * rng.standard_normal(n_users)
    taste = 3.4 + 0.9 * affinity + 0.4 * world.quality[books] + generosity[users]
    taste += 0.8 * rng.standard_normal(len(books))
    joined = END_TIME_SECONDS - SPAN_SECONDS * (0.05 + 0.95 * rng.random(n_users))
    moments = np.sort(users + rng.random(len(users))) - users  # ascending within each reader
    return Ratings(
        users=users,
        books=books,
        stars=np.clip(np.rint(taste), 1, 5).astype(np.int8),
        timestamps=np.floor(joined[users] + (END_TIME_SECONDS - joined[users]) * moments).astype(np.int64),
    )


def _same_genre_circle(genre_of_circle: IntArray, circles: IntArray, rng: np.random.Generator) -> IntArray:
    """For each circle, a random circle of the same genre, possibly itself."""
    sorted_circles = np.argsort(genre_of_circle, kind="stable")
    genres = genre_of_circle[circles]
    first = np.searchsorted(genre_of_circle[sorted_circles], genres, side="left")
    last = np.searchsorted(genre_of_circle[sorted_circles], genres, side="right")
    picked: IntArray = sorted_circles[first + (rng.random(len(circles)) * (last - first)).astype(np.int64)]
    return picked


def _tastes(world: World, n_users: int, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """The circles each reader likes, and their shares: two (n_users, N_TASTES) arrays; shares descend and sum to 1."""
    n_circles = len(world.genre_of_circle)
    mass = np.diff(world.mass[world.circle_bounds])
    crowd = np.cumsum(np.sqrt(mass))
    main = np.minimum(np.searchsorted(crowd, rng.random((n_users, N_TASTES)) * crowd[-1], side="right"), n_circles - 1)
    related = _same_genre_circle(world.genre_of_circle, main[:, 0], rng)
    main[:, 1] = np.where(rng.random(n_users) < SHARE_RELATED_TASTE, related, main[:, 1])
    shares = -np.sort(-rng.exponential(1.0, (n_users, N_TASTES)), axis=1)
    return main, shares / shares.sum(axis=1, keepdims=True)


def _draw(world: World, users: IntArray, tastes: IntArray, shares: FloatArray, rng: np.random.Generator) -> IntArray:
    """One book for each entry of `users` (ascending), by circle and popularity; some draws continue a series."""
    n = len(users)
    slot = (rng.random(n)[:, None] > np.cumsum(shares, axis=1)[users, : N_TASTES - 1]).sum(axis=1)
    circle = tastes[users, slot]
    anywhere = rng.random(n) < SHARE_ANYWHERE
    low = np.where(anywhere, 0.0, world.mass[world.circle_bounds[circle]])
    high = np.where(anywhere, world.mass[-1], world.mass[world.circle_bounds[circle + 1]])
    place = np.searchsorted(world.mass, low + (high - low) * rng.random(n), side="right") - 1
    drawn = world.by_circle[np.minimum(place, world.n_books - 1)]

    follows = rng.random(n) < SHARE_READ_ON
    follows &= np.concatenate([[False], users[1:] == users[:-1]])[:n]
    start = np.maximum.accumulate(np.where(follows, 0, np.arange(n)))  # the start of each run within a series
    ahead = np.arange(n) - start
    first = drawn[start]
    exists = world.nth_of_author[first] + ahead < world.series_length[first]
    books: IntArray = np.where(follows & exists, first + ahead, drawn)
    return books


def _choose(
    world: World, counts: IntArray, tastes: IntArray, shares: FloatArray, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """`counts[u]` different books for each reader u: parallel arrays of readers (ascending) and books."""
    n_users, n_books = len(counts), world.n_books
    taken = np.empty(0, dtype=np.int64)  # reader * n_books + book
    missing = counts.copy()
    for n_round in range(MAX_ROUNDS):
        n_draws = (missing + missing // 3 + 1) << n_round  # remaining books get harder to draw
        drawers = np.repeat(np.arange(n_users), np.where(missing > 0, n_draws, 0))
        keys = np.concatenate([taken, drawers * n_books + _draw(world, drawers, tastes, shares, rng)])
        _unique, first_seen = np.unique(keys, return_index=True)
        keys = keys[np.sort(first_seen)]
        keys = keys[np.argsort(keys // n_books, kind="stable")]
        readers = keys // n_books
        found = np.bincount(readers, minlength=n_users)
        rank = np.arange(len(keys)) - np.repeat(np.cumsum(found) - found, found)
        taken = keys[rank < counts[readers]]
        missing = counts - np.minimum(found, counts)
        if not missing.any():
            break
    for user in np.flatnonzero(missing):  # too few books in their circles: draw the rest from all books
        own = taken[taken // n_books == user] % n_books
        unread = np.setdiff1d(np.arange(n_books), own, assume_unique=True)
        extra = rng.permutation(unread)[: missing[user]]
        taken = np.concatenate([taken, user * n_books + extra])
    taken = taken[np.argsort(taken // n_books, kind="stable")]
    return taken // n_books, taken % n_books


def _volumes_in_order(world: World, users: IntArray, books: IntArray) -> IntArray:
    """The same books and readers, with the volumes of a series in order for each reader."""
    in_series = np.flatnonzero(world.series_length[books] > 0)
    if not len(in_series):
        return books
    group = users[in_series] * world.n_books + (books - world.nth_of_author[books])[in_series]
    slots = np.lexsort((in_series, group))
    volumes = np.lexsort((books[in_series], group))
    ordered = books.copy()
    ordered[in_series[slots]] = books[in_series[volumes]]
    return ordered
