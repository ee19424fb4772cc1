"""Reads a split from two files, in the format of published benchmarks: one line per user, the user id, then book ids.

Ids are separated by blanks; `.gz` files are supported. All interactions are reads; the books of a line are oldest
first. Books have ids only, so recommenders that need descriptions are left out.
"""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from services.batch.ingest.interactions import Interactions
from services.batch.ingest.training_data import Training
from services.batch.metrics.splits import Split, held_out
from services.batch.sources.interaction_rows import KINDS
from services.batch.sources.order import Order
from shared.errors import SourceError
from shared.settings import UserStateSettings


def read_given_split(
    training_file: Path, test_file: Path, user_state: UserStateSettings, order: Order = "sequence"
) -> Split:
    """Read the split from two files; `order` is what the lists know of order.

    Raises:
        SourceError: a file is missing, is not text, or has no interaction.
    """
    lists = [_read(path) for path in (training_file, test_file)]
    book_ids = sorted({book for of_file in lists for _, books in of_file for book in books})
    number_of = {book_id: number for number, book_id in enumerate(book_ids)}
    training_rows, test_rows = (_interactions(of_file, number_of, order) for of_file in lists)
    books = pd.DataFrame({"book_id": book_ids, "title": book_ids, "active": True})
    for column in ("authors", "genres"):
        books[column] = [[] for _ in book_ids]
    books[["average_rating", "n_ratings"]] = np.nan
    work_id = np.arange(len(books), dtype=np.int32)
    training = Training(books, training_rows, user_state, work_id=work_id)
    return held_out(f"{training_file.name} and {test_file.name}", training, test_rows)


def _read(path: Path) -> list[tuple[str, list[str]]]:
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            lines = [line.split() for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"The file {path.name} cannot be read: {error}.",
            where=str(path),
            hint="One line per user: user book book …",
        ) from error
    lists = [(line[0], line[1:]) for line in lines if len(line) > 1]
    if not lists:
        raise SourceError(f"The file {path.name} has no interaction.", where=str(path))
    return lists


def _interactions(lists: list[tuple[str, list[str]]], number_of: dict[str, int], order: Order) -> Interactions:
    lengths = [len(books) for _, books in lists]
    item_index = [number_of[book] for _, books in lists for book in books]
    users = np.repeat(np.array([user for user, _ in lists], object), lengths)
    codes, user_ids = pd.factorize(users)
    return Interactions(
        user_codes=codes.astype(np.int32),
        user_ids=user_ids,
        item_index=np.array(item_index, np.int32),
        kinds=np.full(len(item_index), KINDS.index("read"), np.int8),
        value=np.full(len(item_index), np.nan),
        times=np.array(list(itertools.chain.from_iterable(range(n) for n in lengths)), np.float64),
        order=order,
    )
