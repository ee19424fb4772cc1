"""What the interactions of a source know of order.

- `time`: when each happened, or at least which came first.
- `sequence`: the order within each reader only.
- `none`: neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from services.batch.sources.guesses import Guess

if TYPE_CHECKING:
    import pandas as pd

    from services.batch.sources.rejects import RejectLog

Order: TypeAlias = Literal["time", "sequence", "none"]
ORDERS: tuple[Order, ...] = get_args(Order)
_LAST_ROW_NUMBER = 1e8  # as a time it is in 1973
_FEW_RETURNS = 0.05
_SOME_REPEATS = 0.1


def find_order(declared: Order | None, interactions: pd.DataFrame, rejects: RejectLog) -> Order:
    """The declared order, or the one that the rows show.

    Interactions with times are ordered by `time`. Without times, rows grouped by reader or by book know nothing of
    order (`none`); any other rows count as a log, oldest first (`time`).

    Args:
        declared: what the source says.
        interactions: as a source returns them.
        rejects: receives the guess.
    """
    if declared is not None:
        return declared
    order: Order = "time"
    value = "time"
    if not _has_times(interactions):
        order = "none" if is_grouped(interactions) else "time"
        value = "time, by the rows" if order == "time" else "none: no times, and the rows are grouped by reader or book"
    rejects.guess(Guess("order of the interactions", value, 'order = "time", "sequence" or "none"'))
    return order


def _has_times(interactions: pd.DataFrame) -> bool:
    """Whether there are times, not row numbers or one moment for all; of no rows, one may think so."""
    times = interactions["time"]
    return not len(times) or (times.max() > _LAST_ROW_NUMBER and (times.min() < times.max() or len(times) == 1))


def is_grouped(interactions: pd.DataFrame) -> bool:
    """Whether the rows of a file are grouped by reader or by book: hardly any comes back after another."""
    files = interactions["file"].cat.codes.to_numpy() if "file" in interactions else np.zeros(len(interactions))
    columns = [interactions[name].astype("category").cat.codes.to_numpy() for name in ("user_id", "book_id")]
    return any(_are_grouped(codes[files == file]) for file in np.unique(files) for codes in columns)


def _are_grouped(codes: np.ndarray[tuple[int], np.dtype[np.int32]]) -> bool:
    n_distinct = len(np.unique(codes))
    n_runs = 1 + int((np.diff(codes) != 0).sum())
    may_return = len(codes) - n_distinct
    return may_return > _SOME_REPEATS * len(codes) and n_runs - n_distinct < max(_FEW_RETURNS * may_return, 1)
