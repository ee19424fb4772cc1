"""Item transitions: for each book, the books that its readers read next.

Each pair of books that a user liked counts; close pairs count more. A pair at distance d in the user's history adds
n_u^-c · d^-e · 2^-(age / h). Here n_u is the number of books the user liked, and age is the share of all likes that are
newer than that of the later book. The later book is an item transition of the earlier one; the opposite direction is
multiplied by `backward`. Sums are normalized by the popularity of both books:

    item transition score (i -> j) = n_i^-a · n_j^-b · sum over users of their pairs

With e = 0, `backward` = 1, no h and no bound on d this is a scaled co-occurrence, D^-a A^T D_u^-c A D^-b. Cosine
(Deshpande and Karypis, ACM TOIS 22, 2004) and RP3beta (Paudel et al., ACM TiiS 7, 2016) are special cases. Direction
and distance make it a first-order Markov chain with skips (compare Shani, Heckerman and Brafman, JMLR 6, 2005).

Where the histories have no order, every pair of a history counts alike, in both directions and at any distance:
e = 0, `backward` = 1, no h and no bound on d. Where they have none between users (`sequence`), there is no h.

Books are processed in blocks, so memory does not grow with the number of pairs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from services.batch.ingest.histories import Histories
from services.batch.runtime.progress import Progress
from shared.settings import ItemTransitionSettings

_PAIRS_AT_ONCE = 8_000_000


def item_transitions_of(
    histories: Histories, settings: ItemTransitionSettings, *, progress: Progress
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The item transitions of every book, both (n_books, `settings.n_neighbors`), best first, ties by item index.

    Returns:
        int32 item indexes, padded with -1, and float32 scores above 0, padded with 0.
    """
    n_books, n = histories.n_books, settings.n_neighbors
    item_index, scores = np.full((n_books, n), -1, np.int32), np.zeros((n_books, n), np.float32)
    times_liked = np.maximum(np.bincount(histories.books, minlength=n_books), 1).astype(np.float64)
    pairs = _AllPairs(histories, settings) if histories.order == "none" else _Pairs(histories, settings)
    with progress.task("Item transitions of books", n_books) as advance:
        for books in pairs.blocks():
            block = pairs.sums(books)
            rows = np.repeat(np.arange(len(books)), np.diff(block.indptr))
            dampened = block.data * times_liked[books][rows] ** -settings.from_exponent
            dampened *= times_liked[block.indices] ** -settings.to_exponent
            kept_scores = without_noise(dampened)
            order = np.lexsort((block.indices, -kept_scores, rows))
            place = np.arange(len(order)) - np.repeat(block.indptr[:-1], np.diff(block.indptr))
            order, place = order[place < n], place[place < n]
            item_index[books[rows[order]], place] = block.indices[order]
            scores[books[rows[order]], place] = kept_scores[order]
            advance(len(books))
    return item_index, scores


def without_noise(sums: NDArray[np.float64]) -> NDArray[np.float32]:
    """Sums as float32 rounded to 16 bits of precision, so that the summation order does not affect ties."""
    bits = sums.astype(np.float32).view(np.uint32)
    return ((bits + np.uint32(0x80)) & np.uint32(0xFFFF_FF00)).view(np.float32)


def without_withdrawn(
    active: NDArray[np.bool_], no_score: float, item_index: NDArray[np.int32], scores: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Padded lists without inactive books; the remaining books move up."""
    gone = (item_index < 0) | np.isin(item_index, np.flatnonzero(~active))
    order = np.argsort(gone, axis=1, kind="stable")
    item_index, scores = np.where(gone, np.int32(-1), item_index), np.where(gone, np.float32(no_score), scores)
    return np.take_along_axis(item_index, order, axis=1), np.take_along_axis(scores, order, axis=1)


class _Pairs:
    """Weighted pairs of books within user histories, computed in blocks of books."""

    def __init__(self, histories: Histories, settings: ItemTransitionSettings) -> None:
        self._settings = settings
        self._n_books = histories.n_books
        self._books = histories.books
        self._user = np.repeat(np.arange(len(histories.lengths)), histories.lengths)
        self._lengths = histories.lengths
        of_users = np.maximum(histories.lengths, 1).astype(np.float64) ** -settings.user_exponent
        self._weights = of_users[self._user]
        self._recency = histories.recency(settings.half_life)
        self._by_book = np.argsort(histories.books, kind="stable")
        self._starts = np.searchsorted(histories.books[self._by_book], np.arange(histories.n_books + 1))
        self._widest = min(settings.window, int(histories.lengths.max(initial=0)))

    def blocks(self) -> list[NDArray[np.int64]]:
        """Blocks of consecutive item indexes with a bounded number of pairs."""
        reach = 2 * np.minimum(self._lengths[self._user], self._widest)
        return _blocks(np.bincount(self._books, weights=reach, minlength=self._n_books))

    def sums(self, books: NDArray[np.int64]) -> csr_matrix:
        """The unnormalized sums of pair weights: one row per given book (consecutive), one column per book."""
        at = self._by_book[self._starts[books[0]] : self._starts[books[-1] + 1]]
        found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
        # Histories are newest first: later books come before earlier ones.
        for direction, counts in ((-1, 1.0), (1, self._settings.backward)):
            one = at if counts else at[:0]
            for distance in range(1, self._widest + 1):
                other = one + direction * distance
                inside = (other >= 0) & (other < len(self._books))
                inside[inside] = self._user[other[inside]] == self._user[one[inside]]
                one, other = one[inside], other[inside]  # drop pairs beyond the end of a history
                if not len(one):
                    break
                near = counts * float(distance) ** -self._settings.distance_exponent
                found.append((one, other, near * self._weights[one] * self._recency[np.minimum(one, other)]))
        places, others, weights = (
            (np.concatenate(column) for column in zip(*found, strict=True)) if found else _NO_PAIRS
        )
        shape = (len(books), self._n_books)
        return csr_matrix(coo_matrix((weights, (self._books[places] - books[0], self._books[others])), shape=shape))


class _AllPairs:
    """All pairs of books within user histories, computed in blocks of books."""

    def __init__(self, histories: Histories, settings: ItemTransitionSettings) -> None:
        lengths = histories.lengths
        ones = np.ones(len(histories.books))
        shape = (len(lengths), histories.n_books)
        self._liked = csr_matrix((ones, histories.books, histories.starts), shape=shape)
        of_users = np.maximum(lengths, 1).astype(np.float64) ** -settings.user_exponent
        weights = np.repeat(of_users, lengths)
        self._weighted = csr_matrix((weights, histories.books, histories.starts), shape=shape).T.tocsr()
        self._most = np.bincount(histories.books, weights=np.repeat(lengths, lengths), minlength=histories.n_books)

    def blocks(self) -> list[NDArray[np.int64]]:
        """Blocks of consecutive item indexes with a bounded number of pairs."""
        return _blocks(self._most)

    def sums(self, books: NDArray[np.int64]) -> csr_matrix:
        """The unnormalized sums of pair weights: one row per given book (consecutive), one column per book."""
        pairs = coo_matrix(self._weighted[books] @ self._liked)
        others = pairs.row + books[0] != pairs.col
        rows_and_columns = (pairs.row[others], pairs.col[others])
        return csr_matrix(coo_matrix((pairs.data[others], rows_and_columns), shape=pairs.shape))


def _blocks(n_pairs: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Consecutive item indexes, divided where the sum of pairs exceeds the bound."""
    edges = np.flatnonzero(np.diff(np.cumsum(n_pairs) // _PAIRS_AT_ONCE)) + 1
    return [books for books in np.split(np.arange(len(n_pairs)), edges) if len(books)]


_NO_PAIRS = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
