"""A made-up world to evaluate systems on: readers of one taste each, who read in turns, so any moment splits it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from services.batch.content.index import build_content
from services.batch.ingest.interactions import Interactions
from services.batch.runtime.progress import SILENT
from shared.settings import ContentSettings

TASTES = ("tides", "clockwork", "orchards", "glaciers")
N_BOOKS = 60
N_READERS = 80
N_READ = 10
INACTIVE = 59


def taste_of(number: int) -> int:
    return number % len(TASTES)


def books() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "book_number": range(N_BOOKS),
            "book_id": [f"b{number}" for number in range(N_BOOKS)],
            "title": [f"The {TASTES[taste_of(number)].title()} {number}" for number in range(N_BOOKS)],
            "authors": [[f"Author {number}", f"Founder of {TASTES[taste_of(number)]}"] for number in range(N_BOOKS)],
            "genres": [[TASTES[taste_of(number)]] for number in range(N_BOOKS)],
            "description": [f"A book about {TASTES[taste_of(number)]}." for number in range(N_BOOKS)],
            "series": [TASTES[taste_of(number)] for number in range(N_BOOKS)],
            "series_position": np.arange(N_BOOKS, dtype=np.float64),
            "average_rating": np.nan,
            "n_ratings": np.nan,
            "active": [number != INACTIVE for number in range(N_BOOKS)],
        }
    )


def interactions(seed: int = 7) -> Interactions:
    return Interactions.from_table(table_of_interactions(seed))


def table_of_interactions(seed: int = 7) -> pd.DataFrame:
    """Each reader rates ten books of one taste 4 or 5 and two of others 1 or 2, a book a round."""
    chance = np.random.default_rng(seed)
    read = []
    for reader in range(N_READERS):
        own = [number for number in range(N_BOOKS) if taste_of(number) == taste_of(reader)]
        others = [number for number in range(N_BOOKS) if taste_of(number) != taste_of(reader)]
        numbers = np.concatenate((chance.permutation(own)[:N_READ], chance.permutation(others)[:2]))
        read.append(chance.permutation(numbers))
    rows = [
        (f"r{reader}", int(read[reader][turn]), taste_of(int(read[reader][turn])) == taste_of(reader))
        for turn in range(N_READ + 2)
        for reader in range(N_READERS)
    ]
    return pd.DataFrame(
        {
            "user_id": pd.Categorical([user for user, _, _ in rows]),
            "book_number": np.array([number for _, number, _ in rows], np.int32),
            "kind": pd.Categorical(["rating"] * len(rows)),
            "value": [float(chance.integers(4, 6) if liked else chance.integers(1, 3)) for _, _, liked in rows],
            "time": np.arange(len(rows), dtype=np.float64),
            "event_id": pd.Categorical([None] * len(rows)),
        }
    )


def content_artifact(folder: Path) -> Path:
    """A content artifact whose descriptions are near each other where the taste is the same."""
    chance = np.random.default_rng(7)
    vectors = chance.normal(0, 0.2, (N_BOOKS, 16)).astype(np.float32)
    vectors[np.arange(N_BOOKS), np.arange(N_BOOKS) % len(TASTES)] += 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[INACTIVE] = 0
    build_content(folder, vectors, books(), ContentSettings(), threads=1, progress=SILENT)
    return folder
