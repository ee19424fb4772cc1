"""How two candidate lists become one: weighted min-max scores, seen books dropped. Pure, and the only copy.

Serving and evaluation both call `blend`, so that what is measured is what is served.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.neighbours import Candidates


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


def min_max(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale scores to [0, 1]: (s - min) / (max - min). All equal scores become 1."""
    if not len(scores):
        return scores
    low = scores.min()
    span = scores.max() - low
    if not span > 0:
        return np.ones(len(scores), np.float32)
    scaled: NDArray[np.float32] = (scores - low) / span
    return scaled


def blend(
    collaborative: Candidates,
    content: Candidates,
    *,
    collaborative_weight: float,
    content_weight: float,
    seen: NDArray[np.int32],
    works: NDArray[np.int32],
    limit: int,
) -> Blended:
    """Blend two lists: min-max each to [0, 1], weighted mean, drop seen works, cut; ties by book number.

    A book that one list lacks scores 0 there. Weights count relative to each other; where only one list has anything,
    it counts alone. The result does not change when the scores of one list are scaled or shifted.

    Args:
        collaborative: distinct book numbers and scores, best first.
        content: the same from the content index.
        collaborative_weight: weight of the collaborative list, at least 0.
        content_weight: weight of the content list, at least 0.
        seen: int32 book numbers never to return, nor other editions of them; any order, unknown ones are no matter.
        works: int32, (n_books,), for each book number the work it is an edition of; one edition of a work is returned.
        limit: how many to return at most.
    """
    n_collaborative = len(collaborative[0])
    if not n_collaborative:
        content_weight = 1.0
    elif not len(content[0]):
        collaborative_weight = 1.0
    total = (n_collaborative and collaborative_weight) + (len(content[0]) and content_weight)
    scale = 1.0 / total if total > 0 else 0.0

    numbers = np.concatenate((collaborative[0], content[0]))
    own = np.concatenate((min_max(collaborative[1]), min_max(content[1])))
    order = numbers.argsort(kind="stable")  # a book in both lists: collaborative first, content right after
    numbers, own = numbers[order], own[order]
    of_content = order >= n_collaborative
    scores = own * np.where(of_content, np.float32(content_weight * scale), np.float32(collaborative_weight * scale))

    twin = np.empty(len(numbers), np.bool_)  # this row's book is also the next row's
    if len(numbers):
        np.equal(numbers[1:], numbers[:-1], out=twin[:-1])
        twin[-1] = False
    first_of_pair = twin.nonzero()[0]
    scores[first_of_pair] += scores[first_of_pair + 1]
    allowed = np.ones(len(numbers), np.bool_)
    allowed[first_of_pair + 1] = False
    known = seen[seen < len(works)]
    if len(known) and len(numbers):
        seen_works = np.sort(works[known])
        place = seen_works.searchsorted(works[numbers])
        place[place == len(seen_works)] = 0
        allowed &= seen_works[place] != works[numbers]
    rows = allowed.nonzero()[0]
    rows = rows[(-scores[rows]).argsort(kind="stable")]
    first_of_work = np.unique(works[numbers[rows]], return_index=True)[1]
    first_of_work.sort()
    rows = rows[first_of_work[:limit]]

    nan = np.float32("nan")
    paired = twin[rows]
    return Blended(
        numbers=numbers[rows],
        scores=scores[rows],
        collaborative=np.where(of_content[rows], nan, own[rows]),
        content=np.where(of_content[rows], own[rows], np.where(paired, own[np.minimum(rows + 1, len(own) - 1)], nan))
        if len(own)
        else own,
    )
