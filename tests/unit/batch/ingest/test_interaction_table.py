"""Of each user, book and kind only the latest interaction stays."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from services.batch.ingest.interaction_table import UNKNOWN_BOOK, latest, number_interactions, respelled
from services.batch.sources.interaction_rows import KIND_DTYPE
from services.batch.sources.rejects import RejectLog


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


def test_ids_that_differ_in_spelling_find_their_book_and_others_are_set_aside() -> None:
    books = pd.DataFrame({"book_id": ["0439023483", "12", "x"], "book_number": np.arange(3, dtype=np.int32)})
    ids = ["439023483", "9780439023481", "12.0", "x", "X"]
    frame = pd.DataFrame(
        {"user_id": "u", "book_id": ids, "kind": "read", "value": np.nan, "time": np.arange(5, dtype=float)}
    )
    spellings = respelled(frame, books)
    assert spellings == {"439023483": "0439023483", "9780439023481": "0439023483", "12.0": "12"}
    rejects = RejectLog()
    numbered = number_interactions(frame, books, rejects, "loans", spellings)
    assert numbered["book_number"].tolist() == [0, 0, 1, 2]
    assert rejects.counts == {UNKNOWN_BOOK: 1}
