"""Simulated readers for the demo catalogue, without data of real readers.

Every reader has a taste: a blend of a few archetypes (liked and avoided genres), a mood, an era and favorite authors.
Taste, popularity and chance decide which books a reader starts. Readers reach later volumes of a series only from the
previous volume, and more often if they liked it. The same seed gives the same readers on every machine: random numbers
come from one PCG64 stream in a fixed order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

END_TIME_SECONDS = int(datetime(2026, 6, 30, tzinfo=UTC).timestamp())
SPAN_SECONDS = 730 * 86_400  # two years
N_READERS = 3_000
SEED = 1_925

N_ARCHETYPES = 36
N_MOODS = 8
MEAN_FIRST_READS = 30.0
READS_ON = np.array([0.0, 0.03, 0.08, 0.35, 0.72, 0.92])
"""Probability of reading the next volume, by the stars of the previous one (index 0 is unused)."""

_WELL_KNOWN_IDS = """
    nineteen-eighty-four the-hobbit the-fellowship-of-the-ring harry-potter-and-the-philosophers-stone
    pride-and-prejudice to-kill-a-mockingbird the-great-gatsby the-hunger-games dune frankenstein dracula jane-eyre
    the-catcher-in-the-rye brave-new-world fahrenheit-451 the-handmaids-tale the-da-vinci-code gone-girl
    the-girl-with-the-dragon-tattoo and-then-there-were-none the-lion-the-witch-and-the-wardrobe the-alchemist
    the-little-prince charlottes-web matilda little-women anne-of-green-gables wuthering-heights a-game-of-thrones
    the-hitchhikers-guide-to-the-galaxy crime-and-punishment one-hundred-years-of-solitude the-kite-runner
    the-book-thief the-fault-in-our-stars the-lightning-thief the-shining it sapiens the-diary-of-a-young-girl
    alices-adventures-in-wonderland romeo-and-juliet hamlet the-odyssey great-expectations the-count-of-monte-cristo
    rebecca lolita slaughterhouse-five of-mice-and-men the-name-of-the-wind
    life-of-pi beloved the-color-purple a-brief-history-of-time thinking-fast-and-slow murder-on-the-orient-express
    the-hound-of-the-baskervilles normal-people the-seven-husbands-of-evelyn-hugo good-omens american-gods
    where-the-wild-things-are watchmen maus-i-my-father-bleeds-history holes the-secret-history
"""
WELL_KNOWN = frozenset(_WELL_KNOWN_IDS.split())
"""Well-known books; simulated readers are more likely to start them."""


def simulate_readers(books: pd.DataFrame, *, n_readers: int = N_READERS, seed: int = SEED) -> pd.DataFrame:
    """Simulate the interactions of readers with the books of a catalogue.

    Args:
        books: columns book_id, authors (list), year, genres (list), series, series_position; one row per book.
        n_readers: number of readers; ids are `reader-0001`, `reader-0002`, ….
        seed: of all random numbers.

    Returns:
        Rows by time, then reader, then book: user_id (str), book_id (str), kind (`rating`, `read` or `dismiss`), value
        (float64; stars 1-5 of a rating, else NaN), time (float64, whole seconds since 1970). Each pair of reader and
        book appears once.
    """
    rng = np.random.default_rng(seed)
    shelf = _shelve(books, rng)
    match = _match(shelf, n_readers, rng)
    stars = _stars(match, rng)
    windows = _windows(n_readers, rng)
    reads = _read_on(shelf, stars, _first_reads(shelf, match, windows, rng), windows, rng)
    dismissals = _dismissals(shelf, match, reads, windows, rng)
    rates = (
        rng.random(len(reads.books)) < np.clip(0.86 + 0.14 * rng.standard_normal(n_readers), 0.2, 1.0)[reads.readers]
    )
    values = np.where(rates, stars[reads.readers, reads.books].astype(np.float64), np.nan)

    n_dismissed = len(dismissals.books)
    done = _Actions.joined([reads, dismissals])
    times = np.floor(done.times)
    order = np.lexsort((done.books, done.readers, times))
    width = max(4, len(str(n_readers)))
    user_ids = np.array([f"reader-{number:0{width}d}" for number in range(1, n_readers + 1)], dtype=object)
    kinds = np.concatenate([np.where(rates, "rating", "read"), np.full(n_dismissed, "dismiss")]).astype(object)
    return pd.DataFrame(
        {
            "user_id": user_ids[done.readers][order],
            "book_id": books["book_id"].to_numpy(dtype=object)[done.books][order],
            "kind": kinds[order],
            "value": np.concatenate([values, np.full(n_dismissed, np.nan)])[order],
            "time": times[order],
        }
    )


@dataclass(frozen=True, slots=True)
class _Actions:
    """Actions as parallel arrays: readers, books (rows) and times in seconds."""

    readers: IntArray
    books: IntArray
    times: FloatArray

    @staticmethod
    def joined(parts: list[_Actions]) -> _Actions:
        """All of `parts`, in their order."""
        return _Actions(
            np.concatenate([part.readers for part in parts]),
            np.concatenate([part.books for part in parts]),
            np.concatenate([part.times for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class _Windows:
    """First and last second of each reader's activity, two arrays over readers."""

    start: FloatArray
    end: FloatArray

    def moments(self, readers: IntArray, rng: np.random.Generator) -> FloatArray:
        """A random time within the window of each of `readers`."""
        return self.start[readers] + (self.end - self.start)[readers] * rng.random(len(readers))


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The catalogue as arrays over books, in the catalogue's order.

    Attributes:
        genres: (n_books, n_genres), unit rows, rare genres have a higher weight.
        moods: (n_books, N_MOODS), latent traits such as pace and style; similar within one author.
        era: (n_books,), year of publication as a standardized rank.
        authors: (n_books,), number of the first author.
        popularity: (n_books,), log-rate of starting a book, independent of taste.
        next_volume: (n_books,), row of the next volume, -1 if there is none.
        is_start: (n_books,), whether a reader may start here: not a later volume.
    """

    genres: FloatArray
    moods: FloatArray
    era: FloatArray
    authors: IntArray
    popularity: FloatArray
    next_volume: IntArray
    is_start: NDArray[np.bool_]


def _shelve(books: pd.DataFrame, rng: np.random.Generator) -> _Shelf:
    n_books = len(books)
    genre_names = sorted({genre for genres in books["genres"] for genre in genres})
    genre_number = {name: number for number, name in enumerate(genre_names)}
    genres = np.zeros((n_books, len(genre_names)))
    for row, names in enumerate(books["genres"]):
        genres[row, [genre_number[name] for name in names]] = 1.0
    genres *= np.log(1.0 + n_books / (1.0 + genres.sum(axis=0)))
    genres /= np.maximum(np.linalg.norm(genres, axis=1, keepdims=True), 1e-12)

    first_authors = [authors[0] if authors else "" for authors in books["authors"]]
    author_number = {name: number for number, name in enumerate(sorted(set(first_authors)))}
    authors = np.array([author_number[name] for name in first_authors], dtype=np.int64)
    author_moods = rng.standard_normal((len(author_number), N_MOODS))
    moods = 0.8 * author_moods[authors] + 0.6 * rng.standard_normal((n_books, N_MOODS))

    years = books["year"].astype("float64").fillna(float(books["year"].median())).to_numpy()
    era = np.argsort(np.argsort(years, kind="stable"), kind="stable") / n_books
    era = (era - era.mean()) / era.std()

    next_volume = np.full(n_books, -1, dtype=np.int64)
    is_start = np.ones(n_books, dtype=np.bool_)
    placed = books.reset_index(drop=True)
    placed = placed[placed["series"].notna() & placed["series_position"].notna()]
    for _name, volumes in placed.sort_values("series_position", kind="stable").groupby("series", sort=True):
        rows = volumes.index.to_numpy()
        next_volume[rows[:-1]] = rows[1:]
        is_start[rows[1:]] = False

    known = books["book_id"].isin(WELL_KNOWN).to_numpy(dtype=np.float64)
    books_of_author = np.bincount(authors)[authors]
    popularity = 1.9 * known + 0.25 * np.log(books_of_author) + 0.3 * (next_volume >= 0) + 0.15 * era
    popularity += 0.6 * rng.standard_normal(n_books)
    return _Shelf(genres, moods, era, authors, popularity, next_volume, is_start)


def _match(shelf: _Shelf, n_readers: int, rng: np.random.Generator) -> FloatArray:
    """The match of each reader and book: (n_readers, n_books), rows standardized."""
    n_books, n_genres = shelf.genres.shape
    models = rng.random((N_ARCHETYPES, n_books)).argsort(axis=1, kind="stable")[:, :2]  # two model books each
    archetype_genres = shelf.genres[models[:, 0]] + 0.6 * shelf.genres[models[:, 1]] - shelf.genres.mean(axis=0)
    archetype_moods = rng.standard_normal((N_ARCHETYPES, N_MOODS))
    shares = rng.random((n_readers, N_ARCHETYPES)) ** 24.0  # one or two archetypes dominate
    shares /= shares.sum(axis=1, keepdims=True)
    genre_taste = shares @ archetype_genres + 0.12 * rng.standard_normal((n_readers, n_genres))
    mood_taste = shares @ archetype_moods + 0.4 * rng.standard_normal((n_readers, N_MOODS))
    era_taste = rng.standard_normal((n_readers, 1))
    author_taste = rng.standard_normal((n_readers, int(shelf.authors.max()) + 1))

    match = 3.0 * genre_taste @ shelf.genres.T
    match += 0.3 * mood_taste @ shelf.moods.T
    match += 0.35 * era_taste * shelf.era
    match += 0.25 * author_taste[:, shelf.authors]
    match -= match.mean(axis=1, keepdims=True)
    standardised: FloatArray = match / np.maximum(match.std(axis=1, keepdims=True), 1e-12)
    return standardised


def _stars(match: FloatArray, rng: np.random.Generator) -> NDArray[np.int8]:
    """The stars, 1 to 5, each reader would give each book: (n_readers, n_books)."""
    n_readers, n_books = match.shape
    quality = 0.35 * rng.standard_normal(n_books)
    generosity = 0.35 * rng.standard_normal((n_readers, 1))
    taste = 3.35 + 0.42 * match + quality + generosity + 0.75 * rng.standard_normal(match.shape)
    return np.clip(np.rint(taste), 1, 5).astype(np.int8)


def _windows(n_readers: int, rng: np.random.Generator) -> _Windows:
    start = END_TIME_SECONDS - SPAN_SECONDS * (0.12 + 0.88 * rng.random(n_readers) ** 0.6)
    end = np.minimum(start + SPAN_SECONDS * (0.15 + rng.exponential(0.8, n_readers)), END_TIME_SECONDS)
    return _Windows(start, end)


def _first_reads(shelf: _Shelf, match: FloatArray, windows: _Windows, rng: np.random.Generator) -> _Actions:
    """Standalone books and first volumes that readers start."""
    n_readers, n_books = match.shape
    activity = rng.standard_normal(n_readers)
    n_reads = np.clip(np.rint(MEAN_FIRST_READS * np.exp(0.85 * activity - 0.36)), 4, n_books // 4).astype(np.int64)
    appeal = shelf.popularity + 1.9 * match + rng.gumbel(size=match.shape)
    appeal[:, ~shelf.is_start] = -np.inf
    readers, books = _top_of_each_row(appeal, n_reads)
    return _Actions(readers, books, windows.moments(readers, rng))


def _read_on(
    shelf: _Shelf, stars: NDArray[np.int8], reads: _Actions, windows: _Windows, rng: np.random.Generator
) -> _Actions:
    """These reads and the later volumes that follow from them, each after the previous volume."""
    found = [reads]
    while len(reads.books):
        following = shelf.next_volume[reads.books]
        later = reads.times + 86_400 * (2.0 + rng.exponential(16.0, len(reads.books)))
        goes_on = (following >= 0) & (later < windows.end[reads.readers])
        goes_on &= rng.random(len(reads.books)) < READS_ON[stars[reads.readers, reads.books]]
        reads = _Actions(reads.readers[goes_on], following[goes_on], later[goes_on])
        found.append(reads)
    return _Actions.joined(found)


def _dismissals(
    shelf: _Shelf, match: FloatArray, reads: _Actions, windows: _Windows, rng: np.random.Generator
) -> _Actions:
    """Well-known books that do not suit a reader."""
    n_dismissed = np.minimum(rng.poisson(0.5, len(match)), 8)
    dislike = shelf.popularity - 1.5 * match + rng.gumbel(size=match.shape)
    dislike[reads.readers, reads.books] = -np.inf
    readers, books = _top_of_each_row(dislike, n_dismissed)
    return _Actions(readers, books, windows.moments(readers, rng))


def _top_of_each_row(scores: FloatArray, n_wanted: IntArray) -> tuple[IntArray, IntArray]:
    """Rows and columns of the `n_wanted[row]` highest finite scores of each row, best first."""
    rows = np.repeat(np.arange(len(scores)), n_wanted)
    ranks = np.arange(len(rows)) - np.repeat(np.cumsum(n_wanted) - n_wanted, n_wanted)
    columns = np.argsort(-scores, axis=1, kind="stable")[rows, ranks]
    finite = np.isfinite(scores[rows, columns])
    return rows[finite], columns[finite]
