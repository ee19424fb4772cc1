"""`nightshelf generate`: synthetic books and ratings as a folder source, for load tests.

Writes `books.parquet`, `ratings.parquet` and the mapping `nightshelf.toml` in blocks, in bounded memory, to a hidden
folder and renames it at the end, so the folder is complete or missing. Raises `InvalidRequestError` for arguments out
of range and for a folder that is not empty.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from services.batch.synthetic.simulation import World, books_in_words, build_world, ratings_of_block
from shared.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.batch.runtime.progress import Progress

MAPPING_FILE = "nightshelf.toml"
BOOKS_FILE = "books.parquet"
RATINGS_FILE = "ratings.parquet"
BOOKS_PER_BLOCK = 10_000
RATINGS_PER_BLOCK = 200_000
MAX_BOOKS = 10_000_000
MAX_USERS = 1_000_000_000

BOOKS_SCHEMA = pa.schema(
    [
        ("book_id", pa.string()),
        ("title", pa.string()),
        ("authors", pa.list_(pa.string())),
        ("year", pa.int32()),
        ("genres", pa.list_(pa.string())),
        ("series", pa.string()),
        ("series_position", pa.float64()),
        ("description", pa.string()),
    ]
)
RATINGS_SCHEMA = pa.schema(
    [("user_id", pa.string()), ("book_id", pa.string()), ("rating", pa.int8()), ("timestamp", pa.int64())]
)


@dataclass(frozen=True, slots=True)
class GenerateReport:
    """The numbers of written rows, and the duration."""

    out: Path
    n_books: int
    n_users: int
    n_ratings: int
    seed: int
    n_bytes: int
    seconds: float


def generate(
    out: Path, *, n_books: int, n_users: int, ratings_per_user: int, seed: int, progress: Progress
) -> GenerateReport:
    """Write synthetic books and ratings that `ingest` can read.

    The same arguments give the same rows on every machine. Ratings are in order of user, then time.

    Args:
        out: the output folder; missing or empty.
        n_books: 2 or more.
        n_users: 1 or more.
        ratings_per_user: mean number of ratings of a user, at most half of `n_books`. Activity has a long tail,
            truncated at half of `n_books`, so the mean is lower near that limit.
        seed: 0 or more.
        progress: reports books, then users.

    Raises:
        InvalidRequestError: an argument is out of range, or `out` is a file or a folder that is not empty.
    """
    _check("--books", n_books, min_value=2, max_value=MAX_BOOKS)
    _check("--users", n_users, min_value=1, max_value=MAX_USERS)
    _check("--ratings-per-user", ratings_per_user, min_value=1, max_value=n_books // 2)
    _check("--seed", seed, min_value=0, max_value=2**63 - 1)
    started = time.perf_counter()
    with _folder_at_once(out) as folder:
        world = build_world(n_books, seed)
        book_ids = pa.array([_identifier("book", number, n_books) for number in range(n_books)], pa.string())
        _write_books(folder / BOOKS_FILE, world, book_ids, progress)
        n_ratings = _write_ratings(
            folder / RATINGS_FILE,
            world,
            book_ids,
            n_users=n_users,
            ratings_per_user=ratings_per_user,
            progress=progress,
        )
        (folder / MAPPING_FILE).write_text(_mapping(n_books, n_users, ratings_per_user, seed), encoding="utf-8")
        n_bytes = sum(file.stat().st_size for file in folder.iterdir())
    return GenerateReport(out, n_books, n_users, n_ratings, seed, n_bytes, time.perf_counter() - started)


def _check(option: str, value: int, *, min_value: int, max_value: int) -> None:
    if not min_value <= value <= max_value:
        reason = " (half of --books)" if option == "--ratings-per-user" else ""
        raise InvalidRequestError(
            f"{value:,} is not possible here.", where=option, hint=f"Use {min_value:,} to {max_value:,}{reason}."
        )


@contextmanager
def _folder_at_once(out: Path) -> Iterator[Path]:
    """A hidden folder next to `out`; it becomes `out` on success and is deleted otherwise."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        what = "That folder is not empty." if out.is_dir() else "That is a file, not a folder."
        raise InvalidRequestError(what, where=str(out), hint="Use a folder that does not exist yet.")
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
    try:
        yield folder
        folder.chmod(0o755)  # mkdtemp creates a private folder
        os.replace(folder, out)  # noqa: PTH105 - on POSIX this replaces an empty folder only
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _identifier(kind: str, number: int, n_all: int) -> str:
    return f"{kind}-{number + 1:0{len(str(n_all))}d}"


def _write_books(path: Path, world: World, book_ids: pa.StringArray, progress: Progress) -> None:
    with progress.task("Books", world.n_books) as advance, pq.ParquetWriter(path, BOOKS_SCHEMA) as writer:
        for start in range(0, world.n_books, BOOKS_PER_BLOCK):
            stop = min(start + BOOKS_PER_BLOCK, world.n_books)
            columns = {"book_id": book_ids[start:stop], **books_in_words(world, start, stop)}
            writer.write_table(pa.table(columns, schema=BOOKS_SCHEMA))
            advance(stop - start)


def _write_ratings(
    path: Path, world: World, book_ids: pa.StringArray, *, n_users: int, ratings_per_user: int, progress: Progress
) -> int:
    users_per_block = max(1, min(n_users, RATINGS_PER_BLOCK // ratings_per_user))
    n_ratings = 0
    with progress.task("Readers", n_users) as advance, pq.ParquetWriter(path, RATINGS_SCHEMA) as writer:
        for block, first in enumerate(range(0, n_users, users_per_block)):
            n_here = min(users_per_block, n_users - first)
            ratings = ratings_of_block(world, block, n_here, ratings_per_user)
            user_ids = pa.array([_identifier("user", first + n, n_users) for n in range(n_here)], pa.string())
            columns = [
                user_ids.take(pa.array(ratings.users)),
                book_ids.take(pa.array(ratings.books)),
                pa.array(ratings.stars),
                pa.array(ratings.timestamps),
            ]
            writer.write_table(pa.table(columns, schema=RATINGS_SCHEMA))
            n_ratings += len(ratings.books)
            advance(n_here)
    return n_ratings


def _mapping(n_books: int, n_users: int, ratings_per_user: int, seed: int) -> str:
    books = "".join(f'{name} = "{name}", ' for name in BOOKS_SCHEMA.names).rstrip(", ")
    return f"""\
# Synthetic data; none of its books and readers exist.
# nightshelf generate --books {n_books} --users {n_users} --ratings-per-user {ratings_per_user} --seed {seed}

name = "synthetic-{n_books}-{n_users}-{ratings_per_user}-{seed}"
simulated_readers = true

[books]
file = "{BOOKS_FILE}"
columns = {{ {books} }}

[[interactions]]
file = "{RATINGS_FILE}"
kind = "rating"
columns = {{ user_id = "user_id", book_id = "book_id", value = "rating", time = "timestamp" }}
rating_scale = [1, 5]
"""
