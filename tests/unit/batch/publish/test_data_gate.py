"""The gate looks at the data first, whatever the source is called and whatever readers did meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from services.batch.ingest.snapshot import Snapshot
from services.batch.ingest.snapshot_manifest import SourceFindings
from services.batch.publish.data_gate import judge_data
from services.batch.publish.manifest import make_manifest
from shared.artifacts.generation import GateVerdict, GenerationManifest
from shared.settings import Settings
from tests.paths import ROOT
from tests.worlds.ingested import folder_source, run

CASES = ROOT / "tests" / "cases"
BOOKS = "book_id,title,authors\n" + "".join(f"b{i},Title {i},Ann\n" for i in range(10))


def ratings(n_users: int, n_books: int = 10) -> str:
    rows = (f"u{user},b{book},{1 + book % 5}\n" for user in range(n_users) for book in range(n_books))
    return "user_id,book_id,rating\n" + "".join(rows)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def generation(snapshot: Snapshot, settings: Settings, **changes: object) -> GenerationManifest:
    manifest = make_manifest(snapshot, settings, {}, id="before", evaluation=None, gate=None)
    return manifest.model_copy(update=changes)


def night(tmp_path: Path, n_users: int, *, folder: str = "export", toml: str = "") -> Snapshot:
    path = folder_source(tmp_path / folder, BOOKS, ratings(n_users))
    (path / "nightshelf.toml").write_text(toml)
    return run(tmp_path / "data", path)[1]


def verdict(
    tmp_path: Path, settings: Settings, before: GenerationManifest, n_users: int, **options: str
) -> GateVerdict:
    found = judge_data(night(tmp_path, n_users, **options), before, settings)
    assert found is not None
    return found


def test_a_renamed_export_that_lost_its_rows_is_refused(tmp_path: Path, settings: Settings) -> None:
    before = generation(night(tmp_path, 1000), settings)
    lost = verdict(tmp_path, settings, before, 1, folder="export (2)")
    assert (lost.verdict, lost.metric, lost.value, lost.served_value) == ("worse", "users", 1, 1000)
    assert "999 of 1,000 users (100%) and 9,990 of 10,000 interactions (100%) are gone" in lost.reason


@pytest.mark.parametrize(
    ("kept", "metrics"),
    [
        (lambda row: row % 2 == 0, {"interactions"}),
        (lambda row: row // 10 % 2 == 0, {"users", "interactions"}),
        (lambda row: row < 500, {"users", "interactions"}),
    ],
    ids=["half of the rows", "half of the users", "the older half"],
)
def test_a_half_of_the_data_is_missed(
    tmp_path: Path, settings: Settings, kept: Callable[[int], bool], metrics: set[str]
) -> None:
    before = generation(night(tmp_path, 100), settings)
    header, *rows = ratings(100).splitlines()
    half = "\n".join([header, *(row for place, row in enumerate(rows) if kept(place))]) + "\n"
    path = folder_source(tmp_path / "half", BOOKS, half)
    found = judge_data(run(tmp_path / "data", path)[1], before, settings)
    assert found is not None
    assert found.verdict == "worse"
    assert {what for what in ("books", "users", "interactions") if f" {what} (50%)" in found.reason} == metrics


def test_the_same_data_under_another_name_is_fine(tmp_path: Path, settings: Settings) -> None:
    before = generation(night(tmp_path, 20), settings)
    assert judge_data(night(tmp_path, 19, folder="renamed"), before, settings) is None


def test_events_do_not_hide_what_the_source_lost(tmp_path: Path, settings: Settings) -> None:
    before = generation(night(tmp_path, 100), settings)
    after = night(tmp_path, 10)
    counts = after.manifest.counts.model_copy(update={"interactions": 200_000, "users": 50_000})
    hidden = Snapshot(after.path, after.manifest.model_copy(update={"counts": counts}))
    found = judge_data(hidden, before, settings)
    assert found is not None
    assert (found.metric, found.value) == ("users", 10)


def test_a_generation_of_an_earlier_version_is_compared_by_all_its_counts(tmp_path: Path, settings: Settings) -> None:
    snapshot = night(tmp_path, 100)
    before = generation(snapshot, settings, counts={"books": 10, "users": 100, "interactions": 1000})
    assert judge_data(snapshot, before, settings) is None
    assert verdict(tmp_path, settings, before, 10).metric == "users"


@pytest.mark.parametrize("toml", ['source_id = "mine"', 'name = "mine"'])
def test_another_identity_cannot_be_compared(tmp_path: Path, settings: Settings, toml: str) -> None:
    before = generation(night(tmp_path, 10, toml=toml), settings)
    assert before.source_id == "mine"
    assert judge_data(night(tmp_path, 10, folder="elsewhere", toml=toml), before, settings) is None
    assert judge_data(night(tmp_path, 10, folder="unnamed"), before, settings) is None
    other = verdict(tmp_path, settings, before, 10, toml='source_id = "theirs"')
    assert (other.verdict, other.metric) == ("no-comparison", "source")
    named = settings.model_copy(update={"source_id": "mine"})
    assert judge_data(night(tmp_path, 10, toml='source_id = "theirs"'), before, named) is None


def test_real_readers_after_simulated_ones_are_a_first_night(tmp_path: Path, settings: Settings) -> None:
    before = generation(night(tmp_path, 1000), settings, simulated_readers=True)
    assert judge_data(night(tmp_path, 5), before, settings) is None


GOOD = {
    "book_rows": 100, "book_rows_set_aside": 50, "books_without_text": 25, "interaction_rows": 100,
    "interactions_set_aside": 50, "interactions_without_book": 25, "interactions_respelled": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("harm", "metric"),
    [
        ({"book_rows_set_aside": 51}, "books"),
        ({"interactions_set_aside": 51}, "interactions"),
        ({"interactions_without_book": 26}, "unknown_books"),
        ({"books_without_text": 26}, "texts"),
        ({}, None),
    ],
)
def test_a_first_night_is_refused_if_most_of_it_is_of_no_use(
    tmp_path: Path, settings: Settings, harm: dict[str, int], metric: str | None
) -> None:
    snapshot = night(tmp_path, 5)
    findings = SourceFindings.model_validate(GOOD | harm | {"best_joins": ["this", "that"]})
    found = judge_data(
        Snapshot(snapshot.path, snapshot.manifest.model_copy(update={"findings": findings})), None, settings
    )
    assert (found and found.metric) == metric
    if metric == "unknown_books":
        assert found is not None
        assert "26 of 50 interactions find no book. The best columns to join by are this and that." in found.reason


def test_ratings_by_another_id_name_the_columns_that_would_join(tmp_path: Path, settings: Settings) -> None:
    folder = tmp_path / "two ids"
    folder.mkdir()
    for name in ("books.csv", "ratings.csv"):
        (folder / name).write_bytes((CASES / "goodbooks-two-ids" / name).read_bytes())
    (folder / "nightshelf.toml").write_text('books_id = "book_id"')
    found = judge_data(run(tmp_path / "data", folder)[1], None, settings)
    assert found is not None
    assert found.metric == "unknown_books"
    assert "408 of 480 interactions find no book" in found.reason
    assert "'book_id' of the interactions with 'id' of the books (480 of 480 find a book)" in found.reason
