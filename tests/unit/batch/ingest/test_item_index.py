"""Item indexes never change."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.batch.ingest.item_index import number_books
from services.batch.sources.rejects import RejectLog
from tests.worlds.ingested import ListSource, run

IDS = st.lists(st.sampled_from([f"{number:03d}X" for number in range(12)]), min_size=1, max_size=12, unique=True)


@settings(deadline=None)
@given(st.lists(IDS, min_size=1, max_size=8))
def test_numbers_never_change_over_any_sequence_of_sources(rounds: list[list[str]]) -> None:
    known: pd.DataFrame | None = None
    given_numbers: dict[str, int] = {}
    for ids in rounds:
        known = number_books(known, ListSource(ids).books(RejectLog()))
        assert known["book_number"].tolist() == list(range(len(known)))
        numbers = dict(zip(known["book_id"], known["book_number"].tolist(), strict=True))
        new = [book_id for book_id in ids if book_id not in given_numbers]
        assert [numbers[book_id] for book_id in new] == list(range(len(given_numbers), len(given_numbers) + len(new)))
        assert given_numbers.items() <= numbers.items()
        assert set(known.loc[known["active"], "book_id"]) == set(ids)
        given_numbers = numbers


@settings(max_examples=8, deadline=None)
@given(rounds=st.lists(IDS, min_size=1, max_size=4))
def test_numbers_never_change_over_any_sequence_of_ingests(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[list[str]]
) -> None:
    data = tmp_path_factory.mktemp("data")
    given_numbers: dict[str, int] = {}
    for ids in rounds:
        rows = [("u", book_id, "read", math.nan, float(time)) for time, book_id in enumerate(ids)]
        _, snapshot = run(data, ListSource(ids, rows))
        books = snapshot.load_books()
        numbers = dict(zip(books["book_id"], books["book_number"].tolist(), strict=True))
        assert given_numbers.items() <= numbers.items()
        assert snapshot.load_interactions()["book_number"].tolist() == [numbers[book_id] for book_id in ids]
        given_numbers = numbers
