"""From interactions to feedback: which are seen, which positive, and what a user last made of each book.

Factors, popularity, top-N lists and user state all start from here, so that they agree. `shared.feedback` holds the
same rule for one interaction.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.settings import UserStateSettings


def seen_rows(interactions: pd.DataFrame, settings: UserStateSettings) -> NDArray[np.bool_]:
    """bool, (n,): `shared.feedback.is_seen` of each interaction."""
    seen: NDArray[np.bool_] = interactions["kind"].isin(sorted(settings.seen_kinds)).to_numpy(bool)
    return seen


def positive_rows(interactions: pd.DataFrame, settings: UserStateSettings) -> NDArray[np.bool_]:
    """bool, (n,): `shared.feedback.is_positive` of each interaction."""
    kinds = interactions["kind"]
    positive: NDArray[np.bool_] = kinds.isin(sorted(settings.positive_kinds & settings.seen_kinds)).to_numpy(bool)
    is_rating = (kinds == "rating").to_numpy(bool, na_value=False)
    values = interactions["value"].to_numpy(np.float64, na_value=np.nan)
    return positive & (~is_rating | (values >= settings.positive_rating))


def user_item_feedback(interactions: pd.DataFrame, settings: UserStateSettings) -> pd.DataFrame:
    """Reduce interactions to one row for each user and book.

    The latest interaction of a seen kind decides; of several at the same time a rating does, else the last one.

    Args:
        interactions: columns `user_id`, `book_number`, `kind`, `value`, `time`, in any order; others are ignored.
        settings: which kinds count as seen and as positive, and from where on a rating does.

    Returns:
        Columns `user_id` (string), `book_number` (int32), `positive` (bool), `time` (float64, seconds since 1970), in
        the order of the interactions that decided, with a fresh index.
    """
    seen = interactions.loc[seen_rows(interactions, settings)]
    user_codes = pd.factorize(seen["user_id"])[0].astype(np.int64)
    numbers = seen["book_number"].to_numpy(np.int64)
    times = seen["time"].to_numpy(np.float64)
    is_rating = (seen["kind"] == "rating").to_numpy(bool)

    pair = user_codes * (numbers.max(initial=0) + 1) + numbers
    order = np.lexsort((is_rating, times, pair))  # stable, so of equals the last one stays last
    is_last = np.ones(len(order), np.bool_)
    is_last[:-1] = pair[order[1:]] != pair[order[:-1]]
    decisive = np.sort(order[is_last])

    return pd.DataFrame(
        {
            "user_id": seen["user_id"].iloc[decisive].reset_index(drop=True),
            "book_number": numbers[decisive].astype(np.int32),
            "positive": positive_rows(seen, settings)[decisive],
            "time": times[decisive],
        }
    )
