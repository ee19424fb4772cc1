"""The user's own book that led to each recommended one, for answers and reports. A reason is true, or there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.recommend.blend import CANDIDATE_SOURCES, Blended
from shared.recommend.candidates import CandidateGenerator
from shared.recommend.fold_in import FoldIn

NO_EXPLANATION = np.int32(-1)
_NEWEST = 20  # recent books compared in the factor model; older ones have almost no weight
_COLLABORATIVE = CANDIDATE_SOURCES.index("collaborative")


class Explained(NamedTuple):
    """What to explain to a user.

    Attributes:
        items: the books of the answer.
        recent: int32, the user's recent books, newest first.
        weights: of the lists in the user's blend, in the order of `CANDIDATE_SOURCES`.
    """

    items: Blended
    recent: NDArray[np.int32]
    weights: Sequence[float]


def explain_all(
    fold_in: FoldIn, generator: CandidateGenerator, explained: Sequence[Explained]
) -> list[NDArray[np.int32]]:
    """The recent book that led to each item of each user: int32, (n_items,); -1 for none.

    The list that adds most to an item's score decides. The collaborative list: the book with the largest positive
    `item_factors[item] . fold_in_factors[recent]`. A list of neighbors: the book that adds most to the item's score in
    it. Trending books follow from no book.

    Args:
        fold_in: the factor model.
        generator: the generator of the other lists.
        explained: each user's items, recent books and weights.
    """
    n_items = max(len(one.items.item_index) for one in explained)
    n_recent = min(max(len(one.recent) for one in explained), _NEWEST)
    if not n_items or not n_recent:
        return [np.full(len(one.items.item_index), NO_EXPLANATION) for one in explained]
    item_index = np.zeros((len(explained), n_items), np.int64)
    recents = np.full((len(explained), n_recent), NO_EXPLANATION)
    for row, (items, recent, _) in enumerate(explained):
        item_index[row, : len(items.item_index)] = items.item_index
        newest = recent[:_NEWEST]
        recents[row, : len(newest)] = newest
    explanations = _most_alike(fold_in.item_factors, fold_in.fold_in_factors, item_index, recents)
    for row, (items, recent, weights) in enumerate(explained):
        main = _main_list(items.own, weights)
        for source in set(main.tolist()) - {_COLLABORATIVE}:
            places = (main == source).nonzero()[0]
            of_source = generator.explanations(CANDIDATE_SOURCES[source], recent)
            explanations[row, places] = [of_source.get(number, -1) for number in items.item_index[places].tolist()]
    return [explanations[row, : len(one.items.item_index)] for row, one in enumerate(explained)]


def _main_list(own: NDArray[np.float32], weights: Sequence[float]) -> NDArray[np.intp]:
    """The list that adds most to each book's score: (n,); of equal ones the first."""
    given = np.array(weights, np.float32)
    if not given.any():
        given[:] = 1  # `blend` counts lists equally if all weights are 0
    added = np.where(np.isnan(own), np.float32(-1), own * given[:, None])
    main: NDArray[np.intp] = added.argmax(axis=0)
    return main


def _most_alike(
    of_items: NDArray[np.float32],
    of_recents: NDArray[np.float32],
    item_index: NDArray[np.int64],
    recents: NDArray[np.int32],
) -> NDArray[np.int32]:
    """The recent book (users, recents; -1: none) of the largest positive dot product for each (users, items)."""
    known = (recents >= 0) & (recents < len(of_recents))
    left = of_items[np.minimum(item_index, len(of_items) - 1)]
    right = of_recents[np.where(known, recents, 0)]
    likeness = np.where(known[:, None, :], left @ right.swapaxes(1, 2), -np.inf)
    # Ties up to rounding go to the newest: rounding depends on the other users of the batch.
    best = (likeness >= likeness.max(axis=2, keepdims=True) * np.float32(1 - 1e-5)).argmax(axis=2)
    reason = np.take_along_axis(recents, best, axis=1)
    return np.where(np.take_along_axis(likeness, best[:, :, None], axis=2)[:, :, 0] > 0, reason, NO_EXPLANATION)
