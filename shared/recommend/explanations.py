"""The user's own book that adds most to each recommended one, for answers and reports."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.recommend.blend import Blended
from shared.recommend.candidates import CandidateGenerator
from shared.recommend.fold_in import FoldIn

NO_EXPLANATION = np.int32(-1)
_NEWEST = 20  # recent books compared in the factor model; older ones have almost no weight


def explain_all(
    fold_in: FoldIn, generator: CandidateGenerator, explained: Sequence[tuple[Blended, NDArray[np.int32]]]
) -> list[NDArray[np.int32]]:
    """The recent book that adds most to each item of each user: int32, (n_items,); -1 for none.

    For an item of the collaborative list: the book with the largest positive
    `item_factors[item] . fold_in_factors[recent]`. Otherwise: the one of `CandidateGenerator.explanations`.

    Args:
        fold_in: the factor model.
        generator: the generator of the other lists.
        explained: each user's items, and recent books, int32, newest first.
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
    """The recent book (users, recents; -1: none) of the largest positive dot product for each (users, items)."""
    known = (recents >= 0) & (recents < len(of_recents))
    left = of_items[np.minimum(item_index, len(of_items) - 1)]
    right = of_recents[np.where(known, recents, 0)]
    likeness = np.where(known[:, None, :], left @ right.swapaxes(1, 2), -np.inf)
    # Ties up to rounding go to the newest: rounding depends on the other users of the batch.
    best = (likeness >= likeness.max(axis=2, keepdims=True) * np.float32(1 - 1e-5)).argmax(axis=2)
    reason = np.take_along_axis(recents, best, axis=1)
    return np.where(np.take_along_axis(likeness, best[:, :, None], axis=2)[:, :, 0] > 0, reason, NO_EXPLANATION)
