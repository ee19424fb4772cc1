"""The collaborative part: interactions -> factors -> the best unseen books of every user.

Files, in a folder made by the caller:

- `item_factors.npy`: float32, (n_books, rank). Rows of books without positives are zeros.
- `fold_in_factors.npy`: float32, (n_books, rank). The sum over a user's positive books is the user's factor, so that a
  list can be made for someone the night did not know (see `services.batch.factorize.Factors`).
- `users.json`: ids of the users with a list, in the order of the rows below.
- `lists.numbers.npy`: int32, (n_users, list_length), book numbers, best first, padded with -1.
- `lists.scores.npy`: float32, (n_users, list_length), their scores, padded with -inf.

Raises `ArtifactError` for factors that are not finite and for interactions with books that do not exist, `ModelError`
where the library of the chosen algorithm is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.batch.factorize import Factors
from services.batch.factorizers import open_factorizer
from services.batch.opinions import opinions
from services.batch.parts import Facts
from services.batch.progress import Progress
from services.batch.threads import bound_threads
from services.batch.top_n import TopNBlock, top_n
from shared.errors import ArtifactError
from shared.settings import CollaborativeSettings, UserStateSettings


def build_collaborative(
    folder: Path,
    books: pd.DataFrame,
    interactions: pd.DataFrame,
    settings: CollaborativeSettings,
    user_state: UserStateSettings,
    *,
    threads: int | None,
    progress: Progress,
) -> Facts:
    """Write the collaborative part and return facts about it.

    A user has a list with at least one positive book and at least one book left to list. Lists hold active books with
    factors only, and none that the user has seen.

    Args:
        folder: where to write; exists.
        books: column `active`; row i is book number i.
        interactions: as in the snapshot.
        settings: algorithm, rank, scaling, length of the lists.
        user_state: which kinds are seen and positive.
        threads: threads to use, by default all cores.
        progress: told how far factoring and listing are.
    """
    known = opinions(interactions, user_state)
    users, seen, positives = _matrices(known, n_books=len(books))
    with bound_threads(threads) as n_threads:
        factors = open_factorizer(settings, threads=n_threads).factorize(positives, progress=progress)
        np.save(folder / "item_factors.npy", factors.item_factors)
        np.save(folder / "fold_in_factors.npy", factors.fold_in_factors)
        allowed = books["active"].to_numpy(bool) & factors.item_factors.any(axis=1)
        listed = _with_a_list(factors, seen, allowed)
        (folder / "users.json").write_bytes(orjson.dumps(users[listed].tolist()))
        blocks = top_n(
            factors.user_factors[listed],
            factors.item_factors,
            seen[listed],
            n=settings.list_length,
            allowed=allowed,
            threads=n_threads,
        )
        _write_lists(folder, blocks, n_users=len(listed), list_length=settings.list_length, progress=progress)
    return {
        "algorithm": settings.algorithm,
        "rank": factors.rank,
        "rank_asked_for": settings.rank,
        "n_users": len(users),
        "n_users_listed": len(listed),
        "n_positives": int(positives.nnz),
        "n_books_listable": int(allowed.sum()),
        "list_length": settings.list_length,
    }


def _matrices(known: pd.DataFrame, *, n_books: int) -> tuple[NDArray[np.object_], csr_matrix, csr_matrix]:
    """Ids of the users with a positive opinion, and what they have seen and liked: int8 and float32, rows as ids.

    Raises:
        ArtifactError: an opinion is about a book number that does not exist.
    """
    numbers = known["book_number"].to_numpy(np.int32)
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < n_books:
        raise ArtifactError(
            f"Interactions name book numbers from {numbers.min()} to {numbers.max()}; there are {n_books} books.",
            hint="The snapshot's tables do not belong together: ingest again.",
        )
    positive = known["positive"].to_numpy(bool)
    codes, ids = pd.factorize(known["user_id"])
    likes_something = np.bincount(codes[positive], minlength=len(ids)) > 0
    row_of = np.cumsum(likes_something) - 1
    kept = likes_something[codes]
    rows, numbers, positive = row_of[codes[kept]], numbers[kept], positive[kept]
    shape = (int(likes_something.sum()), n_books)
    seen = csr_matrix((np.ones(len(rows), np.int8), (rows, numbers)), shape=shape)
    liked = np.ones(int(positive.sum()), np.float32)
    positives = csr_matrix((liked, (rows[positive], numbers[positive])), shape=shape)
    return np.asarray(ids, object)[likes_something], seen, positives


def _with_a_list(factors: Factors, seen: csr_matrix, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows of users who have factors and have not seen everything that may be listed."""
    n_seen = seen @ allowed.astype(np.int64)
    rows: NDArray[np.int64] = np.flatnonzero(factors.user_factors.any(axis=1) & (n_seen < allowed.sum()))
    return rows


def _write_lists(
    folder: Path, blocks: Iterator[TopNBlock], *, n_users: int, list_length: int, progress: Progress
) -> None:
    """Write blocks to the two lists files as they come, so that memory does not grow with the users."""
    shape = (n_users, list_length)
    numbers = np.lib.format.open_memmap(folder / "lists.numbers.npy", "w+", np.int32, shape)
    scores = np.lib.format.open_memmap(folder / "lists.scores.npy", "w+", np.float32, shape)
    with progress.task("Listing books for users", n_users) as advance:
        for block in blocks:
            rows = slice(block.first_user, block.first_user + len(block.numbers))
            numbers[rows], scores[rows] = block.numbers, block.scores
            advance(len(block.numbers))
    numbers.flush()
    scores.flush()
