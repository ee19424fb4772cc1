"""Snapshots on disk: damaged ones are refused, those of earlier versions are read."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from services.batch.ingest.snapshot import BOOKS_SCHEMA, current_snapshot
from shared.errors import ArtifactError
from shared.layout import DataFolder
from tests.worlds.ingested import ListSource, folder_source, run
from tests.worlds.interaction_tables import table_of

WRITTEN_BEFORE = {
    "id": "0123456789abcdef",
    "source": {
        "kind": "goodbooks", "name": "mini", "fingerprint": "f", "rating_scale": "1-5", "order": "time",
        "simulated_readers": False,
    },
    "events_through": "5-0",
    "counts": {"books": 3, "active_books": 3, "users": 2, "interactions": 2, "rejected": 2, "duplicates": 1},
    "rejected_by_reason": {"unknown book": 1},
    "inputs": {"format": 1, "kind": "goodbooks", "name": "mini", "fingerprint": "f", "event_files": 0},
    "source_counts": {"interactions": 2, "duplicate_books": 0, "rejected_by_reason": {}},
    "files": {"books": "b", "interactions": "i"},
}  # fmt: skip


def test_a_manifest_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    _, snapshot = run(tmp_path / "data", folder_source(tmp_path / "mini"))
    manifest = snapshot.path / "snapshot.json"
    manifest.write_text(json.dumps(WRITTEN_BEFORE | {"a field of another version": 1}))
    read = current_snapshot(DataFolder(tmp_path / "data"))
    assert read is not None
    assert read.manifest.model_dump(mode="json", exclude_unset=True) == WRITTEN_BEFORE
    assert read.manifest.findings is None


def test_books_of_an_earlier_version_have_no_isbns_and_no_other_titles(tmp_path: Path) -> None:
    _, snapshot = run(tmp_path, ListSource(["a", "b"]))
    path = snapshot.path / "books.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["isbns", "other_titles"]), path)
    books = snapshot.load_books()
    assert books.columns.tolist() == BOOKS_SCHEMA.names
    assert books["isbns"].tolist() == books["other_titles"].tolist() == [[], []]
    run(tmp_path, ListSource(["b", "c"]))


def test_the_typed_interactions_are_those_of_the_table(tmp_path: Path) -> None:
    _, snapshot = run(tmp_path / "data", folder_source(tmp_path / "mini"))
    table = snapshot.load_interactions()[["user_id", "book_number", "kind", "value", "time"]]
    expected = list(table.itertuples(index=False, name=None))
    assert list(table_of(snapshot.interactions).itertuples(index=False, name=None)) == expected
    assert snapshot.interactions is snapshot.interactions
    assert len(snapshot.interactions.of_users(["u2"])) == 1


def test_a_damaged_snapshot_is_refused_by_name(tmp_path: Path) -> None:
    _, snapshot = run(tmp_path, ListSource(["a"]))
    (snapshot.path / "books.parquet").write_bytes(b"PAR1")
    with pytest.raises(ArtifactError, match="table books of snapshot"):
        snapshot.load_books()
    (snapshot.path / "snapshot.json").unlink()
    with pytest.raises(ArtifactError, match=f"snapshot {snapshot.id} cannot be read"):
        current_snapshot(DataFolder(tmp_path))
