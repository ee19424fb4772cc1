"""Which of a user's own books adds most to each recommended one: shown with an answer, and in the report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.recommend.blend import Blended
from shared.recommend.candidates import CandidateGenerator
from shared.recommend.fold_in import FoldIn

NO_EXPLANATION = np.int32(-1)
_NEWEST = 20  # recent books looked at in the factor model; older ones have next to no weight there


def explain_all(
    fold_in: FoldIn, generator: CandidateGenerator, explained: Sequence[tuple[Blended, NDArray[np.int32]]]
) -> list[NDArray[np.int32]]:
    """For each item of each user the recent book that adds most to it, int32, (n_items,); -1 where none does.

    Where the collaborative list carried the item, that is the book which adds most to its score in the factor model,
    `item_factors[item] . fold_in_factors[recent]`; without one, or else, the one of `CandidateGenerator.explanations`.

    Args:
        fold_in: the factor model.
        generator: made the other lists.
        explained: of each user the items, and int32, the recent books, newest first.
    """
    n_items = max(len(items.item_index) for items, _ in explained)
    n_recent = min(max(len(recent) for _, recent in explained), _NEWEST)
    if not n_items or not n_recent:
        return [np.full(len(items.item_index), NO_EXPLANATION) for items, _ in explained]
    item_index = np.zeros((len(explained), n_items), np.int64)
    recents = np.full((len(explained), n_recent), NO_EXPLANATION)
    for row, (items, recent) in enumerate(explained):
        item_index[row, : len(items.item_index)] = items.item_index
        newest = recent[:_NEWEST]
        recents[row, : len(newest)] = newest
    explanations = _most_alike(fold_in.item_factors, fold_in.fold_in_factors, item_index, recents)
    for row, (items, recent) in enumerate(explained):
        by_model = ~np.isnan(items.own[0]) & (explanations[row, : len(items.item_index)] >= 0)
        others = (~by_model).nonzero()[0]
        if len(others) and len(recent):
            among = generator.explanations(recent)
            explanations[row, others] = [among.get(number, -1) for number in items.item_index[others].tolist()]
    return [explanations[row, : len(items.item_index)] for row, (items, _) in enumerate(explained)]


def _most_alike(
    of_items: NDArray[np.float32],
    of_recents: NDArray[np.float32],
    item_index: NDArray[np.int64],
    recents: NDArray[np.int32],
) -> NDArray[np.int32]:
    """For each item (users, items) the recent book (users, recents; -1: none) of the largest positive dot product."""
    known = (recents >= 0) & (recents < len(of_recents))
    left = of_items[np.minimum(item_index, len(of_items) - 1)]
    right = of_recents[np.where(known, recents, 0)]
    likeness = np.where(known[:, None, :], left @ right.swapaxes(1, 2), -np.inf)
    # What ties up to rounding goes to the newest: rounding depends on who else is in the batch.
    best = (likeness >= likeness.max(axis=2, keepdims=True) * np.float32(1 - 1e-5)).argmax(axis=2)
    reason = np.take_along_axis(recents, best, axis=1)
    return np.where(np.take_along_axis(likeness, best[:, :, None], axis=2)[:, :, 0] > 0, reason, NO_EXPLANATION)
