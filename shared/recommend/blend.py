"""Blends candidate lists: weighted min-max scores, (s - min) / (max - min), without seen books.

Serving and evaluation both call `blend`. It packs all users into one array of integers. A plain loop over users takes
1.5 times the processor time for one user and 5 times for 16 or 64 (`make bench-own-code`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.recommend.neighbor_table import Candidates

CANDIDATE_SOURCES = (
    "collaborative",
    "content",
    "item_transitions",
    "same_series_author",
    "trending",
)  # the lists that are blended, in this order everywhere

_MAX_USERS = 512
_MAX_LISTS = 8
_NUMBER_BITS, _LIST_BITS, _SCORE_BITS, _POSITION_BITS = 29, 3, 30, 22
_NUMBER, _LIST, _POSITION = ((1 << bits) - 1 for bits in (_NUMBER_BITS, _LIST_BITS, _POSITION_BITS))
_ONE = np.int64(np.float32(1).view(np.int32))
_NAN = np.float32("nan")
_NO_ENTRIES = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Blended:
    """The best books, best first.

    Attributes:
        item_index: int32, (n,).
        scores: float32, (n,), in [0, 1].
        own: float32, (n_lists, n), the min-max score in each list, NaN if the list lacks the book.
    """

    item_index: NDArray[np.int32]
    scores: NDArray[np.float32]
    own: NDArray[np.float32]

    def first(self, limit: int) -> Blended:
        """The first `limit` books."""
        if len(self.item_index) <= limit:
            return self
        return Blended(self.item_index[:limit], self.scores[:limit], self.own[:, :limit])


NOTHING_BLENDED = Blended(
    np.empty(0, np.int32), np.empty(0, np.float32), np.empty((len(CANDIDATE_SOURCES), 0), np.float32)
)


def blend(
    lists: Sequence[Sequence[Candidates]],
    *,
    weights: Sequence[float] | Sequence[Sequence[float]] | NDArray[np.float32],
    seen: Sequence[NDArray[np.int32]],
    work_id: NDArray[np.int32],
    limit: int,
) -> list[Blended]:
    """Blend the lists of several users: min-max each list, take the weighted mean, drop seen works, cut.

    A book missing from a list scores 0 there. Weights are relative among the non-empty lists; if all are 0, they count
    as equal. Scaling or shifting the scores of one list changes nothing. Ties go by item index. Users do not affect
    each other.

    Args:
        lists: one to eight candidate sources; each has, for every user, distinct item indexes and scores.
        weights: at least 0, (n_lists,) for all users or (n_users, n_lists).
        seen: for each user int32 item indexes to leave out with all their editions; unknown indexes are ignored.
        work_id: int32, (n_books,), the work of each book; one edition of a work is returned.
        limit: maximum number of books for each user.
    """
    n_lists, n_users = len(lists), len(seen)
    of_users = np.broadcast_to(np.asarray(weights, np.float32), (n_users, n_lists))
    return [
        blended
        for start in range(0, n_users, _MAX_USERS)
        for blended in _blend_together(
            [source[start : start + _MAX_USERS] for source in lists],
            of_users[start : start + _MAX_USERS],
            seen[start : start + _MAX_USERS],
            work_id,
            limit,
        )
    ]


def _blend_together(
    lists: list[Sequence[Candidates]],
    of_users: NDArray[np.float32],
    seen: Sequence[NDArray[np.int32]],
    work_id: NDArray[np.int32],
    limit: int,
) -> list[Blended]:
    """`blend` for at most `_MAX_USERS` users, whose keys fit into 64 bits."""
    n_lists, n_users = len(lists), len(seen)
    pool = _pool(lists, n_users)
    scores = np.zeros(len(pool.number), np.float32)
    relative = _relative(of_users, pool.has)
    filled = np.flatnonzero(pool.has.any(axis=0)).tolist()
    for place in filled:  # in the order of the lists, so that other users of the batch change nothing
        row, column = pool.rows[place], pool.entries[place]
        scores[row] += pool.scaled[column] * relative[pool.user[row], place]

    user_work_id = (pool.user << _NUMBER_BITS) | work_id[pool.number]
    allowed = (~_is_among(user_work_id, _seen_work_id(seen, work_id))).nonzero()[0]
    best = _first_of_each_user(_ranked(pool.user, scores, allowed), pool.user, user_work_id, limit)
    place_of = np.full(len(scores), -1, np.int64)
    place_of[best] = np.arange(len(best))
    own = np.full((n_lists, len(best)), _NAN)
    for place in filled:
        shown = place_of[pool.rows[place]]
        own[place, shown[shown >= 0]] = pool.scaled[pool.entries[place][shown >= 0]]
    item_index, chosen = pool.number[best].astype(np.int32), scores[best]
    ends = np.searchsorted(pool.user[best], np.arange(n_users), side="right").tolist()
    return [
        Blended(item_index[start:end], chosen[start:end], own[:, start:end])
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Pool:
    """All candidates of all users, one row for each user and book, ordered by user, then item index.

    `scaled` has the min-max score of every entry of every list. For each kind of list, `entries` selects its scores and
    `rows` their rows. `has`, bool, (n_users, n_lists): whether the user has the list.
    """

    user: NDArray[np.int64]
    number: NDArray[np.int64]
    scaled: NDArray[np.float32]
    entries: list[NDArray[np.int64]]
    rows: list[NDArray[np.int64]]
    has: NDArray[np.bool_]


def _pool(lists: Sequence[Sequence[Candidates]], n_users: int) -> _Pool:
    if not 1 <= len(lists) <= _MAX_LISTS:
        raise ValueError(f"The number of candidate sources must be 1 to {_MAX_LISTS}, not {len(lists)}.")
    all_lists = [one for kind in lists for one in kind]
    lengths = np.array([len(item_index) for item_index, _ in all_lists])
    list_of = np.repeat(np.arange(len(all_lists)), lengths)
    scores = np.concatenate([scores for _, scores in all_lists])
    filled = lengths > 0
    low, span = np.zeros(len(all_lists), np.float32), np.zeros(len(all_lists), np.float32)
    if filled.any():
        starts = (np.cumsum(lengths) - lengths)[filled]
        low[filled] = np.minimum.reduceat(scores, starts)
        span[filled] = np.maximum.reduceat(scores, starts) - low[filled]
    flat = span[list_of] <= 0  # all scores of a list are equal: each scales to 1
    scaled = np.divide(scores - low[list_of], span[list_of], out=np.ones(len(scores), np.float32), where=~flat)
    kind, user = np.divmod(list_of, n_users)
    key = (user << _NUMBER_BITS) | np.concatenate([item_index for item_index, _ in all_lists])
    # Sorting integers that end in their own position is several times as fast as an argsort.
    order = np.sort((((key << _LIST_BITS) | kind) << _POSITION_BITS) | np.arange(len(key)))
    position, kind_of = order & _POSITION, (order >> _POSITION_BITS) & _LIST
    key = order >> (_POSITION_BITS + _LIST_BITS)
    is_first = np.ones(len(key), np.bool_)
    np.not_equal(key[1:], key[:-1], out=is_first[1:])
    row = np.cumsum(is_first) - 1
    key = key[is_first]
    has = filled.reshape(len(lists), n_users)
    of_kind = [(kind_of == place).nonzero()[0] if has[place].any() else _NO_ENTRIES for place in range(len(lists))]
    return _Pool(
        user=key >> _NUMBER_BITS,
        number=key & _NUMBER,
        scaled=scaled,
        entries=[position[own] for own in of_kind],
        rows=[row[own] for own in of_kind],
        has=has.T,
    )


def _relative(weights: NDArray[np.float32], has: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Weights of each user's lists, with sum 1: float32, (n_users, n_lists)."""
    relative = np.where(has, weights, np.float32(0))
    unweighted = ~relative.any(axis=1)
    relative[unweighted] = has[unweighted]
    total = relative.sum(axis=1, keepdims=True)
    np.divide(relative, total, out=relative, where=total > 0)
    return relative


def _seen_work_id(seen: Sequence[NDArray[np.int32]], work_id: NDArray[np.int32]) -> NDArray[np.int64]:
    """Sorted (user, work) keys of the seen works."""
    books = np.concatenate(seen)
    users = np.repeat(np.arange(len(seen)), [len(own) for own in seen])
    known = (books >= 0) & (books < len(work_id))
    return np.sort((users[known] << _NUMBER_BITS) | work_id[books[known]])


def _is_among(keys: NDArray[np.int64], ordered: NDArray[np.int64]) -> NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(keys), np.bool_)
    place = np.minimum(ordered.searchsorted(keys), len(ordered) - 1)
    among: NDArray[np.bool_] = ordered[place] == keys
    return among


def _ranked(user: NDArray[np.int64], scores: NDArray[np.float32], allowed: NDArray[np.int64]) -> NDArray[np.int64]:
    """The allowed rows by user, then descending score, then position, which is the order of item indexes.

    The bits of scores from 0 to 1 sort as integers (30 bits).
    """
    falling = _ONE - (scores[allowed] + np.float32(0)).view(np.int32)
    keys = (((user[allowed] << _SCORE_BITS) | np.maximum(falling, 0)) << _POSITION_BITS) | allowed
    ranked: NDArray[np.int64] = np.sort(keys) & _POSITION
    return ranked


def _first_of_each_user(
    ranked: NDArray[np.int64], user: NDArray[np.int64], user_work_id: NDArray[np.int64], limit: int
) -> NDArray[np.int64]:
    """The first `limit` rows of each user, one of each work."""
    users = user[ranked]
    place = np.arange(len(ranked)) - users.searchsorted(users)
    head = place < limit
    if len(np.unique(user_work_id[ranked[head]])) < head.sum():  # rare: several editions of one work near the top
        first = np.sort(np.unique(user_work_id[ranked], return_index=True)[1])
        ranked, users = ranked[first], users[first]
        head = np.arange(len(ranked)) - users.searchsorted(users) < limit
    return ranked[head]
