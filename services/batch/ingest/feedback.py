"""What a user last made of a book: the one rule by which interactions become seen books and positive ones.

Factors, top-N lists and user state all start from this table, so that they agree on what was read and liked.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from shared.settings import UserStateSettings


def user_item_feedback(interactions: pd.DataFrame, settings: UserStateSettings) -> pd.DataFrame:
    """Reduce interactions to one opinion for each user and book.

    The latest interaction of a seen kind decides; where several bear the same time, a rating does, else the one that
    stands last. It is positive if its kind is a positive one and, for a rating, its value reaches
    `settings.positive_rating`; a rating without a value is not positive.

    Args:
        interactions: columns `user_id`, `book_number`, `kind`, `value`, `time`, in any order; others are ignored.
        settings: which kinds count as seen and as positive, and from where on a rating does.

    Returns:
        Columns `user_id` (string), `book_number` (int32), `positive` (bool), `time` (float64, seconds since 1970), in
        the order of the interactions that decided, with a fresh index.
    """
    seen = interactions.loc[interactions["kind"].isin(sorted(settings.seen_kinds))]
    user_codes = pd.factorize(seen["user_id"])[0].astype(np.int64)
    numbers = seen["book_number"].to_numpy(np.int64)
    times = seen["time"].to_numpy(np.float64)
    is_rating = (seen["kind"] == "rating").to_numpy(bool)

    pair = user_codes * (numbers.max(initial=0) + 1) + numbers
    order = np.lexsort((is_rating, times, pair))  # stable, so of equals the last one stays last
    is_last = np.ones(len(order), np.bool_)
    is_last[:-1] = pair[order[1:]] != pair[order[:-1]]
    decisive = np.sort(order[is_last])

    values = seen["value"].to_numpy(np.float64, na_value=np.nan)
    positive = seen["kind"].isin(sorted(settings.positive_kinds)).to_numpy(bool)
    positive = positive & (~is_rating | (values >= settings.positive_rating))
    return pd.DataFrame(
        {
            "user_id": seen["user_id"].iloc[decisive].reset_index(drop=True),
            "book_number": numbers[decisive].astype(np.int32),
            "positive": positive[decisive],
            "time": times[decisive],
        }
    )
