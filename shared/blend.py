"""How two candidate lists become one: min-max scores, (s - min) / (max - min), weighted; seen books dropped.

Serving and evaluation both call `blend`, so that what is measured is what is served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.neighbours import Candidates

_MOST_USERS = 1024
_NUMBER_BITS, _SCORE_BITS, _POSITION_BITS = 29, 30, 22
_NUMBER, _POSITION = (1 << _NUMBER_BITS) - 1, (1 << _POSITION_BITS) - 1
_ONE = np.int64(np.float32(1).view(np.int32))
_NAN = np.float32("nan")


@dataclass(frozen=True, slots=True)
class Blended:
    """The best books, best first.

    Attributes:
        numbers: int32, (n,), book numbers.
        scores: float32, (n,), in [0, 1].
        collaborative: float32, (n,), the min-max score in the collaborative list, NaN where the list lacks the book.
        content: float32, (n,), the same for the content list.
    """

    numbers: NDArray[np.int32]
    scores: NDArray[np.float32]
    collaborative: NDArray[np.float32]
    content: NDArray[np.float32]

    def first(self, limit: int) -> Blended:
        """The first `limit` books."""
        if len(self.numbers) <= limit:
            return self
        return Blended(self.numbers[:limit], self.scores[:limit], self.collaborative[:limit], self.content[:limit])


NOTHING_BLENDED = Blended(np.empty(0, np.int32), *(np.empty(0, np.float32) for _ in range(3)))


def blend(
    collaborative: Sequence[Candidates],
    content: Sequence[Candidates],
    *,
    collaborative_weight: float,
    content_weight: float,
    seen: Sequence[NDArray[np.int32]],
    works: NDArray[np.int32],
    limit: int,
) -> list[Blended]:
    """Blend two lists for each of several users: min-max each, weighted mean, drop seen works, cut.

    A book that one list lacks scores 0 there. Weights count relative to each other; where only one list has anything,
    it counts alone. The result does not change when the scores of one list are scaled or shifted. Ties go by book
    number. Users do not influence each other; they are taken together because that is what makes it fast.

    Args:
        collaborative: for each user distinct book numbers and scores, best first.
        content: the same from the content index.
        collaborative_weight: weight of the collaborative list, at least 0.
        content_weight: weight of the content list, at least 0.
        seen: for each user int32 book numbers never to return, nor other editions of them; any order, unknown ones are
            no matter.
        works: int32, (n_books,), for each book number the work it is an edition of; one edition of a work is returned.
        limit: how many to return at most for each user.
    """
    n_users = len(collaborative)
    if n_users > _MOST_USERS:
        half = n_users // 2
        return [
            one
            for part in (slice(None, half), slice(half, None))
            for one in blend(
                collaborative[part],
                content[part],
                collaborative_weight=collaborative_weight,
                content_weight=content_weight,
                seen=seen[part],
                works=works,
                limit=limit,
            )
        ]
    has = np.array([[len(lists[user][0]) > 0 for lists in (collaborative, content)] for user in range(n_users)])
    weights = np.where(
        has.all(axis=1, keepdims=True), np.array([collaborative_weight, content_weight], np.float32), has
    )
    total = weights.sum(axis=1, keepdims=True)
    np.divide(weights, total, out=weights, where=total > 0)

    pool = _pool(collaborative, content)
    scores = pool.own * weights[pool.user, pool.of_content]
    twin = np.empty(len(pool.user), np.bool_)  # the book of the row before, now as the content list has it
    twin[:1] = False
    np.equal(pool.key[1:], pool.key[:-1], out=twin[1:])
    second = twin.nonzero()[0]
    scores[second - 1] += scores[second]

    user_works = (pool.user << _NUMBER_BITS) | works[pool.number]
    allowed = (~(twin | _is_among(user_works, _seen_works(seen, works)))).nonzero()[0]
    best = _first_of_each_user(_ranked(pool.user, scores, allowed), pool.user, user_works, limit)
    ends = np.searchsorted(pool.user[best], np.arange(n_users), side="right").tolist()
    only_content = pool.of_content[best].astype(np.bool_)
    after = np.minimum(best + 1, len(twin) - 1)  # where the content list has the same book, it has the next row
    numbers = pool.number[best].astype(np.int32)
    columns = (
        scores[best],
        np.where(only_content, _NAN, pool.own[best]),
        np.where(only_content, pool.own[best], np.where(twin[after] & (after > best), pool.own[after], _NAN)),
    )
    starts = [0, *ends[:-1]]
    return [
        Blended(numbers[start:end], *(column[start:end] for column in columns))
        for start, end in zip(starts, ends, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Pool:
    """All candidates of all users, ordered by user, then book number; collaborative before content.

    `key` holds user and book number in one integer; `own` is the min-max score in the candidate's list.
    """

    key: NDArray[np.int64]
    user: NDArray[np.int64]
    number: NDArray[np.int64]
    of_content: NDArray[np.int64]
    own: NDArray[np.float32]


def _pool(collaborative: Sequence[Candidates], content: Sequence[Candidates]) -> _Pool:
    both = (*collaborative, *content)
    lengths = np.array([len(numbers) for numbers, _ in both])
    n_users = len(collaborative)
    lists = np.repeat(np.arange(2 * n_users), lengths)
    scores = np.concatenate([scores for _, scores in both])
    filled = lengths > 0
    low, span = np.zeros(len(both), np.float32), np.zeros(len(both), np.float32)
    if filled.any():
        starts = (np.cumsum(lengths) - lengths)[filled]
        low[filled] = np.minimum.reduceat(scores, starts)
        span[filled] = np.maximum.reduceat(scores, starts) - low[filled]
    flat = span[lists] <= 0  # all scores of a list equal: all as good as its best
    own = np.divide(scores - low[lists], span[lists], out=np.ones(len(scores), np.float32), where=~flat)
    of_content, user = np.divmod(lists, n_users)
    key = (user << _NUMBER_BITS) | np.concatenate([numbers for numbers, _ in both])
    # Sorting integers that end in their own position is several times as fast as an argsort.
    order = np.sort((((key << 1) | of_content) << _POSITION_BITS) | np.arange(len(key))) & _POSITION
    key = key[order]
    return _Pool(key, user[order], key & _NUMBER, of_content[order], own[order])


def _seen_works(seen: Sequence[NDArray[np.int32]], works: NDArray[np.int32]) -> NDArray[np.int64]:
    """Sorted (user, work) keys of all that must not come back."""
    books = np.concatenate(seen)
    users = np.repeat(np.arange(len(seen)), [len(own) for own in seen])
    known = (books >= 0) & (books < len(works))
    return np.sort((users[known] << _NUMBER_BITS) | works[books[known]])


def _is_among(keys: NDArray[np.int64], ordered: NDArray[np.int64]) -> NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(keys), np.bool_)
    place = np.minimum(ordered.searchsorted(keys), len(ordered) - 1)
    among: NDArray[np.bool_] = ordered[place] == keys
    return among


def _ranked(user: NDArray[np.int64], scores: NDArray[np.float32], allowed: NDArray[np.int64]) -> NDArray[np.int64]:
    """The allowed rows by user, then falling score, then position, which is the order of book numbers.

    Scores from 0 to 1 sort as the integers their bits are (30 bits).
    """
    falling = _ONE - (scores[allowed] + np.float32(0)).view(np.int32)
    keys = (((user[allowed] << _SCORE_BITS) | np.maximum(falling, 0)) << _POSITION_BITS) | allowed
    ranked: NDArray[np.int64] = np.sort(keys) & _POSITION
    return ranked


def _first_of_each_user(
    ranked: NDArray[np.int64], user: NDArray[np.int64], user_works: NDArray[np.int64], limit: int
) -> NDArray[np.int64]:
    """The first `limit` rows of each user, one of each work."""
    users = user[ranked]
    place = np.arange(len(ranked)) - users.searchsorted(users)
    head = place < limit
    if len(np.unique(user_works[ranked[head]])) < head.sum():  # rare: several editions of one work near the top
        first = np.sort(np.unique(user_works[ranked], return_index=True)[1])
        ranked, users = ranked[first], users[first]
        head = np.arange(len(ranked)) - users.searchsorted(users) < limit
    return ranked[head]
