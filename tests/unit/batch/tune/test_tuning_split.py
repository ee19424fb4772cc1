"""The data of a search: never the test part, whatever the order of the interactions."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from services.batch.ingest.interactions import Interactions
from services.batch.metrics.splits import split_by_order
from services.batch.tune.space import SPACE, with_effect
from services.batch.tune.tuning_split import tuning_split
from shared.settings import Settings

N_USERS, N_BOOKS = 300, 60


def snapshot_of(order: str) -> SimpleNamespace:
    chance = np.random.default_rng(7)
    rows = [(user, book) for user in range(N_USERS) for book in chance.choice(N_BOOKS, 12, replace=False)]
    table = pd.DataFrame([rows[place] for place in chance.permutation(len(rows))], columns=["user_id", "book_number"])
    table = table.assign(user_id=table["user_id"].map("u{}".format), kind="read", value=np.nan)
    table["time"] = np.arange(len(table), dtype=np.float64)
    books = pd.DataFrame({"book_number": range(N_BOOKS), "active": True})
    books["title"], books["authors"] = [f"Book {number}" for number in range(N_BOOKS)], [["A. Author"]] * N_BOOKS
    return SimpleNamespace(
        manifest=SimpleNamespace(counts=SimpleNamespace(interactions=len(table)), source=SimpleNamespace(order=order)),
        load_books=lambda: books,
        load_interactions=lambda n_first=None: table.iloc[:n_first],
        interactions=Interactions.from_table(table, order),
    )


def pairs_of(users, rows, item_index) -> set[tuple[str, int]]:
    return {(str(users[row]), int(number)) for row, number in zip(rows, item_index, strict=True)}


@pytest.mark.parametrize("order", ["time", "sequence", "none"])
def test_the_test_part_is_never_seen(order: str) -> None:
    snapshot, settings = snapshot_of(order), Settings()
    whole = split_by_order(
        snapshot.load_books(), snapshot.interactions, settings.user_state,
        test_share=settings.evaluation.test_share, seed=settings.evaluation.seed,
    )  # fmt: skip
    test_part = pairs_of(whole.users, *whole.relevant.nonzero())
    found = tuning_split(snapshot, settings)
    known = found.search.training.interactions
    assert known.order == order
    assert not test_part & pairs_of(known.user_ids, known.user_codes, known.item_index)
    for split in (found.search, found.check):
        assert len(split.rows)
        assert not test_part & pairs_of(split.users, *split.relevant.nonzero())


def test_settings_without_effect_are_not_searched() -> None:
    assert with_effect(SPACE, "time") == SPACE
    assert "collaborative.history_decay" in with_effect(SPACE, "sequence")
    left = with_effect(SPACE, "none")
    assert not [name for name in left if "decay" in name or "trending" in name or "half_life" in name]
    assert "collaborative.rank" in left
