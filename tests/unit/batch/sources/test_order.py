"""What the interactions of a source know of order: declared, or found out from times and rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from services.batch.ingest.snapshot_manifest import SourceMetadata
from services.batch.sources.folder import open_folder
from services.batch.sources.order import find_order, is_grouped
from services.batch.sources.rejects import RejectLog
from shared.errors import SourceError
from tests.worlds.ingested import folder_source, run

BOOKS = '[books]\nfile = "b.csv"\ncolumns = { book_id = "id", title = "title" }\n'
RATINGS = '[[interactions]]\nfile = "r.csv"\ncolumns = { user_id = "user", book_id = "book", value = "stars"'


def rows(users: list[str], books: list[str] | None = None, times: list[float] | None = None) -> pd.DataFrame:
    n = len(users)
    chance = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "user_id": users,
            "book_id": books or [f"b{number}" for number in chance.permutation(n)],
            "time": times or [float(row) for row in range(1, n + 1)],
        }
    )


def test_times_are_an_order_whatever_the_rows() -> None:
    grouped = rows(["a"] * 5 + ["b"] * 5, times=[1_700_000_000.0 - row for row in range(10)])
    rejects = RejectLog()
    assert find_order(None, grouped, rejects) == "time"
    assert [(guess.value, guess.setting) for guess in rejects.guesses] == [
        ("time", 'order = "time", "sequence" or "none"')
    ]


def test_one_moment_for_all_rows_is_no_time() -> None:
    users = ["a"] * 5 + ["b"] * 5
    assert find_order(None, rows(users, times=[1_700_000_000.0] * 10), RejectLog()) == "none"
    assert find_order(None, rows(users[:1], times=[1_700_000_000.0]), RejectLog()) == "time"
    assert find_order(None, rows([]), RejectLog()) == "time"


@pytest.mark.parametrize("order", ["time", "sequence", "none"])
def test_a_source_that_declares_its_order_is_believed(order: str) -> None:
    rejects = RejectLog()
    assert find_order(order, rows(["a"] * 5 + ["b"] * 5), rejects) == order
    assert rejects.guesses == []


def test_rows_without_times_that_are_grouped_know_nothing() -> None:
    chance = np.random.default_rng(5)
    users = [f"u{number}" for number in chance.integers(0, 20, 400)]
    books = [f"b{number}" for number in chance.integers(0, 40, 400)]
    log = rows(users, books)
    assert find_order(None, log, RejectLog()) == "time"
    for by in ("user_id", "book_id"):
        assert find_order(None, log.sort_values(by, kind="stable"), RejectLog()) == "none"
    a_few_appended = pd.concat([log.sort_values("user_id", kind="stable"), log.head(5)])
    assert is_grouped(a_few_appended)
    assert not is_grouped(rows([f"u{number}" for number in range(50)]))  # each once: nothing to group


def test_each_file_is_looked_at_by_itself() -> None:
    one = rows(["a"] * 5 + ["b"] * 5)
    files = pd.concat([one.assign(file="1.csv"), one.assign(file="2.csv")], ignore_index=True)
    assert is_grouped(files.astype({"file": "category"}))


def test_the_mapping_overrides_what_the_rows_show(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("id,title\nx,X\ny,Y\n")
    (tmp_path / "r.csv").write_text(
        "user,book,stars\n" + "".join(f"{user},{book},4\n" for user in "abc" for book in "xy")
    )
    for declared, order in (("", "none"), ('order = "sequence"\n', "sequence"), ('order = "time"\n', "time")):
        (tmp_path / "nightshelf.toml").write_text(f"{declared}{BOOKS}{RATINGS} }}\n")
        _, snapshot = run(tmp_path / "data", open_folder(tmp_path))
        assert snapshot.manifest.source.order == order
        assert snapshot.interactions.order == order
    (tmp_path / "nightshelf.toml").write_text(f'order = "rows"\n{BOOKS}{RATINGS} }}\n')
    with pytest.raises(SourceError, match="order: Input should be 'time', 'sequence' or 'none'"):
        open_folder(tmp_path)


def test_a_time_column_without_dates_is_no_order(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("id,title\nx,X\ny,Y\n")
    lines = "".join(f"{user},{book},4,\n" for user in "abc" for book in "xy")
    (tmp_path / "r.csv").write_text(f"user,book,stars,when\n{lines}")
    (tmp_path / "nightshelf.toml").write_text(f'{BOOKS}{RATINGS}, time = "when" }}\n')
    assert run(tmp_path / "data", open_folder(tmp_path))[1].manifest.source.order == "none"


def test_a_copy_of_goodbooks_sorted_by_reader_has_lost_its_order(tmp_path: Path) -> None:
    log = "".join(f"u{place * 7 % 5},b{place % 3 + 1},4\n" for place in range(15))
    header = "user_id,book_id,rating\n"
    for number, (ratings, order) in enumerate(
        ((log, "time"), ("".join(sorted(log.splitlines(keepends=True))), "none"))
    ):
        source = folder_source(tmp_path / f"source{number}", ratings=header + ratings)
        assert run(tmp_path / f"data{number}", source)[1].manifest.source.order == order


def test_a_manifest_of_an_earlier_version_is_read() -> None:
    then = {"name": "n", "fingerprint": "f", "rating_scale": "1-5", "simulated_readers": False}
    for kind, had_times, order in (
        ("goodbooks", False, "time"), ("book-crossing", False, "none"), ("generic", True, "time"),
    ):  # fmt: skip
        assert SourceMetadata.model_validate({**then, "kind": kind, "has_clock_time": had_times}).order == order
