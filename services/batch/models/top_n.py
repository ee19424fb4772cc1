"""The N best unseen books of every user, streamed in blocks of users, without a dense user-book matrix.

For each block of users: one matrix product writes all scores into a reused buffer, seen books are set to -inf, then
array operations select exactly:

1. Columns are divided into interleaved groups, and each group's maximum is computed. At least N scores reach the N-th
   largest maximum, so it is a lower bound of the N-th best score.
2. Only scores that reach the bound are candidates: slightly more than N of thousands.
3. Each candidate becomes one int64, score in the high bits and book in the low bits, so one sort
   orders scores and ties.

Blocks are distributed over threads, each with its own buffer; BLAS is limited to one thread. numpy releases the
interpreter lock in all of these operations.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import local

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from shared.errors import ArtifactError

_BUFFER_SCORES = 1_500_000  # default scores per thread: a few megabytes, which fit into the processor cache
_MIN_BLOCK, _MAX_BLOCK = 64, 512  # with fewer users the matrix product is slow; more users do not help
_GROUPS_PER_PLACE = 5  # groups per list place: fewer give a loose bound, more a slow partition
_LOW_WORD = np.int64(0xFFFF_FFFF)
_NO_CANDIDATE = np.iinfo(np.int64).min
_LOWEST = np.finfo(np.float32).min


@dataclass(frozen=True, slots=True)
class TopNBlock:
    """Lists of consecutive users.

    Attributes:
        first_user: row of the first user.
        item_index: int32, (n_block, n), best first, ties by item index, padded with -1.
        scores: float32, (n_block, n), their scores, padded with -inf.
    """

    first_user: int
    item_index: NDArray[np.int32]
    scores: NDArray[np.float32]


def top_n(
    user_factors: NDArray[np.float32],
    item_factors: NDArray[np.float32],
    seen: csr_matrix,
    *,
    n: int,
    allowed: NDArray[np.bool_] | None = None,
    threads: int = 1,
    block_users: int | None = None,
) -> Generator[TopNBlock, None, None]:
    """Yield the lists of all users, in order; the result equals a full sort of all scores.

    Until it ends or is closed, BLAS is limited to one thread in the whole process. It allocates a copy of the allowed
    rows of `item_factors`, and per thread a buffer of `block_users` rows of scores.

    Args:
        user_factors: float32, (n_users, rank); may be memory-mapped.
        item_factors: float32, (n_books, rank); the dot product of two rows is the score.
        seen: (n_users, n_books), only the sparsity pattern counts: books to exclude for each user.
        n: length of the lists, at least 1.
        allowed: bool, (n_books,), books that may be listed; by default all.
        threads: blocks processed in parallel.
        block_users: users per block; by default chosen by the number of books.

    Raises:
        ArtifactError: shapes do not match, or a factor is not a finite number.
    """
    books = _Books(user_factors, item_factors, seen, allowed, n)
    n_users = len(user_factors)
    size = block_users or min(_MAX_BLOCK, max(_MIN_BLOCK, _BUFFER_SCORES // books.n_padded))
    buffers = local()

    def lists_of(first: int) -> TopNBlock:
        last = min(first + size, n_users)
        if not hasattr(buffers, "scores"):
            buffers.scores = np.full((size, books.n_padded), -np.inf, np.float32)
        scores = buffers.scores[: last - first]
        books.score(user_factors[first:last], out=scores)
        books.mask(scores, seen, first)
        return TopNBlock(first, *books.best(scores))

    with threadpool_limits(limits=1, user_api="blas"):
        yield from _in_order(lists_of, range(0, n_users, size), threads)


def _in_order(lists_of: Callable[[int], TopNBlock], firsts: range, threads: int) -> Generator[TopNBlock, None, None]:
    """Compute blocks in order, with at most two pending per thread."""
    running: deque[Future[TopNBlock]] = deque()
    with ThreadPoolExecutor(threads, "top-n") as pool:
        try:
            for first in firsts:
                running.append(pool.submit(lists_of, first))
                if len(running) > 2 * threads:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()


class _Books:
    """The allowed books as columns of a score buffer, and the selection of the best."""

    def __init__(
        self,
        user_factors: NDArray[np.float32],
        item_factors: NDArray[np.float32],
        seen: csr_matrix,
        allowed: NDArray[np.bool_] | None,
        n: int,
    ) -> None:
        n_books, rank = item_factors.shape
        if user_factors.shape[1] != rank or seen.shape != (len(user_factors), n_books):
            raise ArtifactError(
                f"User factors {user_factors.shape}, item factors {item_factors.shape} and seen books {seen.shape} "
                "do not match."
            )
        if allowed is not None and allowed.shape != (n_books,):
            raise ArtifactError(f"The mask of allowed books has shape {allowed.shape}; there are {n_books} books.")
        self._n = n
        self._item_index = np.arange(n_books, dtype=np.int32)
        if allowed is not None:
            self._item_index = self._item_index[allowed]
        n_columns = len(self._item_index)
        self._column_of: NDArray[np.int32] | None = None
        if n_columns < n_books:
            self._column_of = np.full(n_books, -1, np.int32)
            self._column_of[self._item_index] = np.arange(n_columns, dtype=np.int32)
        self._factors = np.ascontiguousarray(item_factors[self._item_index].T, np.float32)
        _refuse_unless_finite(self._factors, "item")
        self._group_size = max(1, n_columns // (_GROUPS_PER_PLACE * n))
        self._n_groups = max(n, -(-n_columns // self._group_size))
        self.n_padded = self._n_groups * self._group_size

    def score(self, user_factors: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Fill all columns of `out` except the padding."""
        _refuse_unless_finite(user_factors, "user")
        np.matmul(user_factors, self._factors, out=out[:, : len(self._item_index)])

    def mask(self, scores: NDArray[np.float32], seen: csr_matrix, first_user: int) -> None:
        """Set the scores of seen books of this block to -inf."""
        starts = seen.indptr[first_user : first_user + len(scores) + 1]
        rows = np.repeat(np.arange(len(scores)), np.diff(starts))
        columns = seen.indices[starts[0] : starts[-1]]
        if self._column_of is not None:
            columns = self._column_of[columns]
            rows, columns = rows[columns >= 0], columns[columns >= 0]
        scores[rows, columns] = -np.inf

    def best(self, scores: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Item indexes and scores of the best `n` columns of each row, best first."""
        n, n_rows = self._n, len(scores)
        maxima = scores.reshape(n_rows, self._group_size, self._n_groups).max(axis=1)
        bound = np.partition(maxima, self._n_groups - n, axis=1)[:, self._n_groups - n]
        flat = np.flatnonzero(scores >= np.maximum(bound, _LOWEST)[:, None])
        rows, columns = np.divmod(flat, self.n_padded)

        per_row = np.bincount(rows, minlength=n_rows)
        place = np.arange(len(flat)) - np.repeat(np.cumsum(per_row) - per_row, per_row)
        keys = np.full((n_rows, max(n, per_row.max(initial=0))), _NO_CANDIDATE)
        keys[rows, place] = (_sortable(scores.ravel()[flat]) << 32) | (_LOW_WORD - columns)
        keys.sort(axis=1)
        keys = keys[:, : -n - 1 : -1]

        absent = keys == _NO_CANDIDATE
        columns = _LOW_WORD - (keys & _LOW_WORD)
        columns[absent] = 0
        item_index = self._item_index[columns] if len(self._item_index) else np.empty(keys.shape, np.int32)
        item_index[absent] = -1
        best_scores = _unsortable(keys >> 32)
        best_scores[absent] = -np.inf
        return item_index, best_scores


def _sortable(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Map scores to int64 in the same order: the bits after the sign of negative floats are inverted."""
    bits = (scores + np.float32(0)).view(np.int32)  # adding 0 turns -0 into 0
    return (bits ^ ((bits >> 31) & 0x7FFF_FFFF)).astype(np.int64)


def _unsortable(sortable: NDArray[np.int64]) -> NDArray[np.float32]:
    """The inverse of `_sortable`."""
    bits = sortable.astype(np.int32)
    return (bits ^ ((bits >> 31) & 0x7FFF_FFFF)).view(np.float32)


def _refuse_unless_finite(factors: NDArray[np.float32], whose: str) -> None:
    if not np.isfinite(factors).all():
        raise ArtifactError(f"Some {whose} factors are not finite numbers.", hint="Factor the interactions again.")
