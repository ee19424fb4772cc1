"""The demo source: an embedded catalogue of real books, and simulated readers.

Reads `demo_books.jsonl` (facts, and descriptions written for this project; see `DEMO_BOOKS.md`) and simulates readers
with `demo_readers`. It contains no data of real readers; the `simulated_readers` flag is shown beside all figures.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pandas as pd

from services.batch.synthetic.demo_readers import N_READERS, SEED, simulate_readers
from shared.errors import SourceError

if TYPE_CHECKING:
    from services.batch.sources.order import Order
    from services.batch.sources.rejects import RejectLog

CATALOGUE_FILE = "demo_books.jsonl"
READERS_VERSION = 1
"""Increase it when `demo_readers` gives different readers for the same catalogue, so that ingest reads them again."""


class DemoSource:
    """The demo catalogue and its simulated readers; see `services.batch.sources.source`.

    Args:
        n_readers: number of simulated readers.
        seed: of their actions.
    """

    kind = "demo"
    name = "demo"
    rating_scale = "1-5"
    order: Order | None = "time"
    simulated_readers = True

    def __init__(self, *, n_readers: int = N_READERS, seed: int = SEED) -> None:
        if n_readers < 1:
            raise SourceError(
                f"{n_readers} simulated readers are not possible.", where="n_readers", hint="Use 1 or more."
            )
        self._n_readers = n_readers
        self._seed = seed

    def fingerprint(self) -> str:
        """A hash of the catalogue's bytes and the parameters of the readers."""
        recipe = f"\nreaders {self._n_readers} seed {self._seed} version {READERS_VERSION}".encode()
        return hashlib.sha256(_catalogue_bytes() + recipe).hexdigest()

    def books(self, rejects: RejectLog) -> pd.DataFrame:  # noqa: ARG002 - nothing of the embedded catalogue is rejected
        """The catalogue, by `book_id`.

        Raises:
            SourceError: the embedded file is missing or damaged.
        """
        return read_catalogue()

    def interactions(self, rejects: RejectLog) -> pd.DataFrame:  # noqa: ARG002 - simulated rows are never rejected
        """The actions of the simulated readers, by time.

        Raises:
            SourceError: the embedded catalogue is missing or damaged.
        """
        return simulate_readers(read_catalogue(), n_readers=self._n_readers, seed=self._seed)


def read_catalogue() -> pd.DataFrame:
    """The embedded catalogue, by `book_id`, with the columns of `source.BOOK_COLUMNS`; it has no published ratings.

    Raises:
        SourceError: the file is missing, or a line is not a book.
    """
    records = []
    for row, line in enumerate(_catalogue_bytes().splitlines(), start=1):
        try:
            record = orjson.loads(line)
            records.append({column: record[column] for column in _FILE_COLUMNS})
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise SourceError(
                f"A line of the demo catalogue is not a book: {error}.",
                where=f"{CATALOGUE_FILE}, line {row}",
                hint="Reinstall Nightshelf, or undo your change to that line.",
            ) from error
    books = pd.DataFrame.from_records(records, columns=_FILE_COLUMNS)
    books["year"] = books["year"].astype(np.float64)
    books["series"] = books["series"].astype(object).where(books["series"].notna(), None)
    books["series_position"] = books["series_position"].astype(np.float64)
    books["image_url"] = pd.Series([None] * len(books), dtype=object)
    books["average_rating"] = np.nan
    books["n_ratings"] = np.nan
    for column in ("isbns", "other_titles"):
        books[column] = pd.Series([[] for _ in range(len(books))], dtype=object)
    return books


_FILE_COLUMNS = ["book_id", "title", "authors", "year", "genres", "series", "series_position", "description"]


def _catalogue_bytes() -> bytes:
    try:
        return files("services.batch.sources.demo").joinpath(CATALOGUE_FILE).read_bytes()
    except OSError as error:
        raise SourceError(
            "The demo catalogue is missing from this installation.", where=CATALOGUE_FILE, hint="Reinstall Nightshelf."
        ) from error
