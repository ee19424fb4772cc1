"""The interactions of a snapshot as typed arrays, for splits, models and publishing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.batch.sources.interaction_rows import KINDS
from services.batch.sources.order import Order

Rows: TypeAlias = slice | NDArray[np.bool_] | NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Interactions:
    """Interactions, oldest first.

    Attributes:
        user_codes: int32, (n,): index of each user in `user_ids`.
        user_ids: object, (n_ids,): ids of users, distinct; some may have no interaction.
        item_index: int32, (n,).
        kinds: int8, (n,): index of each kind in `KINDS`, -1 for an unknown one.
        value: float64, (n,): stars of ratings, 1 to 5; NaN for other kinds.
        times: float64, (n,): seconds since 1970, or ordinals without a clock.
        order: what the interactions know of order, see `services.batch.sources.order`.
    """

    user_codes: NDArray[np.int32]
    user_ids: NDArray[np.object_]
    item_index: NDArray[np.int32]
    kinds: NDArray[np.int8]
    value: NDArray[np.float64]
    times: NDArray[np.float64]
    order: Order = "time"

    @classmethod
    def from_table(cls, table: pd.DataFrame, order: Order = "time") -> Interactions:
        """From a snapshot's table: `user_id`, `book_number`, `kind`, `value` and `time`; other columns are ignored."""
        users = table["user_id"].astype("category").cat
        kinds = table["kind"].astype("category").cat
        codes = [KINDS.index(kind) if kind in KINDS else -1 for kind in kinds.categories]
        return cls(
            user_codes=users.codes.to_numpy().astype(np.int32),
            user_ids=users.categories.to_numpy(object),
            item_index=table["book_number"].to_numpy(np.int32),
            kinds=np.array([*codes, -1], np.int8)[kinds.codes.to_numpy()],
            value=table["value"].to_numpy(np.float64, na_value=np.nan),
            times=table["time"].to_numpy(np.float64),
            order=order,
        )

    def __len__(self) -> int:
        return len(self.item_index)

    @cached_property
    def n_users(self) -> int:
        """Number of users with an interaction."""
        return len(np.unique(self.user_codes))

    def has_kind(self, *kinds: str) -> NDArray[np.bool_]:
        """bool, (n,): whether each interaction is of one of these kinds."""
        wanted = np.append([kind in kinds for kind in KINDS], False)
        found: NDArray[np.bool_] = wanted[self.kinds]
        return found

    def take(self, rows: Rows) -> Interactions:
        """Only these interactions."""
        columns = ("user_codes", "item_index", "kinds", "value", "times")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})

    def of_users(self, user_ids: list[str]) -> Interactions:
        """Only the interactions of these users."""
        return self.take(np.isin(self.user_ids, np.array(user_ids, object))[self.user_codes])
