"""Of each user, book and kind only the latest interaction stays."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from services.batch.ingest.interaction_table import latest
from services.batch.sources.interaction_rows import KIND_DTYPE


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_deduplication_keeps_what_a_plain_dictionary_would(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = 60
    frame = pd.DataFrame(
        {
            "user_id": pd.Series(random.choice(["u", "v", "w"], n)).astype("category"),
            "book_number": random.integers(0, 4, n).astype(np.int32),
            "kind": pd.Series(random.choice(["view", "rating", "dismiss"], n)).astype(KIND_DTYPE),
            "value": np.arange(n, dtype=float),
            "time": random.integers(0, 10, n).astype(float),
            "event_id": pd.Series([None] * n).astype("category"),
        }
    )
    by_time = sorted(frame.itertuples(index=False), key=lambda row: row.time)
    expected = {(row.user_id, row.book_number, row.kind): (row.value, row.time) for row in by_time}
    found = latest(frame, n_books=4)
    assert found["time"].is_monotonic_increasing
    assert {
        (row.user_id, row.book_number, row.kind): (row.value, row.time) for row in found.itertuples(index=False)
    } == expected
    assert len(found) == len(expected)
