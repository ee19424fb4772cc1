"""A data folder and Redis of the version before the renames: served, continued by a night, rolled back, collected."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pytest
import redis
from fastapi.testclient import TestClient

from services.api.app import create_app
from services.batch.ingest.event_files import event_files
from services.batch.models.collaborative import build_without_withdrawn, names_withdrawn
from services.batch.night import inputs
from services.batch.night.nightly import NightReport, run_night
from services.batch.night.step_table import STEPS
from services.batch.night.steps import PublishOrder, StepsOfRun
from services.batch.publish.collect import collect
from services.batch.publish.rollback import rollback
from services.batch.runtime.context import RunContext
from services.batch.sources.folder import open_folder
from services.batch.tune.record import read_record
from services.batch.tune.tuned_settings import with_tuned
from services.embedded import embedded_valkey
from shared.artifacts.generation import artifact_folder, read_manifest
from shared.keys import Keys
from shared.layout import DataFolder
from shared.publication import current_generation, history, manifests, verify_generation
from shared.redis import connect_for_batch
from shared.settings import RedisSettings, Settings, load_settings
from tests.servers.server import run_command

ARCHIVE = Path(__file__).with_name("before_renames.tar.gz")
NO_GRACE = timedelta()


class NoModel:
    """Stands for the model that made the archive's vectors; there must be no text left to embed."""

    model_key = "short"
    dimensions = 8
    max_tokens = 20

    def is_long(self, text: str) -> bool:
        """No text of the archive has more than 254 word pieces, what the model reads at once."""
        return len(text.split()) > 200

    def encode(self, texts: Sequence[str], advance: Callable[[int], None]) -> NoReturn:
        """Fail."""
        raise AssertionError(f"{len(texts)} texts are embedded again, {advance}")


@dataclass
class OldInstallation:
    """The archive unpacked, its Valkey running."""

    root: Path
    settings: Settings
    client: redis.Redis
    expected: dict[str, Any]

    @property
    def folder(self) -> DataFolder:
        return DataFolder(self.root / "data")

    @property
    def keys(self) -> Keys:
        return Keys(self.settings.redis_prefix)

    @property
    def context(self) -> RunContext:
        return RunContext(self.settings, client=self.client)

    def night(self) -> NightReport:
        return run_night(self.context, open_folder(self.root / "source"))

    def answers(self) -> dict[str, list[Any]]:
        """What this version answers to what the old one was asked."""
        asked = self.expected["generations"][self.expected["first"]]
        with TestClient(create_app(self.settings)) as api:
            found = {path: api.get(path).raise_for_status().json()["items"] for path in asked}
        return {path: [[item["book_id"], item.get("score")] for item in items] for path, items in found.items()}


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OldInstallation]:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.setattr(inputs, "open_embedder", lambda _name, **_options: NoModel())
    with embedded_valkey(DataFolder(tmp_path / "data")) as url:
        settings = load_settings(
            data_dir=tmp_path / "data", redis_url=url, batch={"threads": 1},
            evaluation={"min_users": 10}, collaborative={"rank": 4, "list_length": 30}, content={"clusters": 4},
        )  # fmt: skip
        client = connect_for_batch(url, RedisSettings())
        yield OldInstallation(tmp_path, settings, client, json.loads((tmp_path / "answers.json").read_text()))
        client.close()


def assert_same_answers(answers: dict[str, list[Any]], expected: dict[str, list[Any]]) -> None:
    for path, items in expected.items():
        assert [book for book, _ in answers[path]] == [book for book, _ in items], path
        for (_, score), (_, before) in zip(answers[path], items, strict=True):
            assert score == pytest.approx(before, abs=1e-3), path


def test_both_generations_answer_as_the_old_version_did(old):
    first, second = old.expected["first"], old.expected["second"]
    assert current_generation(old.client, old.keys) == second
    assert "reranker" in read_manifest(old.folder, second).artifacts
    assert_same_answers(old.answers(), old.expected["generations"][second])
    rollback(old.context, first)
    assert_same_answers(old.answers(), old.expected["generations"][first])


def test_seen_and_recent_books_and_event_ids_are_kept(old):
    for reader, (seen, recent) in old.expected["state"].items():
        assert sorted(map(int, old.client.smembers(old.keys.seen(reader)))) == seen
        assert [int(number) for number in old.client.zrevrange(old.keys.recent(reader), 0, -1)] == recent
    assert "b11" not in [book for book, _ in old.answers()["/api/recommendations/user/r002?limit=20"]]
    events = [
        {"event_id": event_id, "user_id": "r000", "book_id": "b05", "kind": "read", "time": "2024-05-01T12:00:00Z"}
        for event_id in ("taken-in", "in-the-stream", "new")
    ]
    with TestClient(create_app(old.settings)) as api:
        answer = api.post("/api/events", json=events).raise_for_status().json()
    assert (answer["accepted"], answer["duplicates"]) == (1, 2)


def test_a_night_goes_on_from_there(old):
    first, second = old.expected["first"], old.expected["second"]
    n_files = len(event_files(old.folder.events))
    report = old.night()
    assert report.published
    assert report.n_embedded == 0
    assert report.gate.verdict == "pass"
    assert len(event_files(old.folder.events)) == n_files + 1
    assert {"r000", "r002"} <= set(report_users(old))
    manifest = read_manifest(old.folder, report.generation_id)
    assert manifest.tuned == sorted(with_today_names(old))
    assert artifact_folder(old.folder, "content", manifest.artifacts["content"]).parent == old.folder.artifacts
    for earlier in (first, second):
        rollback(old.context, earlier)
        assert verify_generation(old.client, old.keys, old.folder, earlier).id == earlier
    rollback(old.context, report.generation_id)


def report_users(old: OldInstallation) -> list[str]:
    """Users whose events are in files now."""
    return [user for path in event_files(old.folder.events) for user in pd.read_parquet(path)["user_id"]]


def with_today_names(old: OldInstallation) -> dict[str, float]:
    record = read_record(old.folder)
    assert record is not None
    assert record.trials[0].settings == record.present == record.chosen
    assert record.left_out == ["item_transitions.half_life"]
    return record.chosen


def test_tuned_settings_are_found_under_their_new_names(old):
    assert with_today_names(old) == {
        "blend.same_series_author_weight": 0.31,
        "blend.few_books_trending_weight": 0.7,
        "item_transitions.distance_exponent": 0.3,
    }
    tuned = with_tuned(old.settings)
    assert tuned.blend.same_series_author_weight == 0.31
    assert tuned.item_transitions.distance_exponent == 0.3


def test_collecting_removes_old_artifacts_that_nothing_uses_and_no_others(old):
    n_old = len(list(old.folder.retired_artifacts.iterdir()))
    collect(old.context, NO_GRACE)
    kept = {path.name for path in old.folder.retired_artifacts.iterdir()}
    assert len(kept) == n_old - 2  # the factors of either night are not part of a generation
    for generation in history(old.client, old.keys):
        verify_generation(old.client, old.keys, old.folder, generation)
    third = old.night().generation_id
    collect(old.context, NO_GRACE)
    assert {manifest.id for manifest in manifests(old.folder)} == {third, old.expected["second"]}
    for generation in (third, old.expected["second"]):
        verify_generation(old.client, old.keys, old.folder, generation)


def test_an_hourly_run_keeps_the_lists_of_an_old_generation(old):
    second = read_manifest(old.folder, old.expected["second"])
    run = StepsOfRun("hourly", old.context)
    begun = run.ingest(lambda: open_folder(old.root / "source"), night=None, fresh=False)
    for step in STEPS:
        if step.name in {"embed", "index"}:
            run.make(step, begun["snapshot"])
    order = PublishOrder(begun["snapshot"], begun["generation"], begun["served"], keep_collaborative=True)
    assert run.publish(order)["published"]
    made = verify_generation(old.client, old.keys, old.folder, begun["generation"]).manifest
    kept = ("collaborative", "reranker")
    assert [made.artifacts[kind] for kind in kept] == [second.artifacts[kind] for kind in kept]
    assert (made.evaluation, made.blend, made.tuned) == (second.evaluation, second.blend, second.tuned)


def test_withdrawn_books_leave_old_lists(old):
    lists = read_manifest(old.folder, old.expected["second"]).artifacts["collaborative"]
    path = artifact_folder(old.folder, "collaborative", lists)
    active = np.ones(80, bool)
    assert not names_withdrawn(path, active)
    active[3] = False
    assert names_withdrawn(path, active)
    made = old.root / "made"
    made.mkdir()
    build_without_withdrawn(made, path, active)
    assert not names_withdrawn(made, active)
    assert (made / "item_transitions.numbers.npy").exists()
    assert (made / "trending.scores.npy").exists()


def test_commands_and_pages_show_old_generations(old):
    surroundings = {"NIGHTSHELF_DATA_DIR": str(old.folder.root), "NIGHTSHELF_REDIS_URL": old.settings.redis_url or ""}
    listed = run_command("generations", "list", COLUMNS="200", **surroundings)
    shown = run_command("generations", "show", old.expected["first"], **surroundings)
    assert listed.returncode == shown.returncode == 0, listed.stderr + shown.stderr
    assert old.expected["first"] in listed.stdout
    assert "item_transitions_weight" in shown.stdout
    with TestClient(create_app(old.settings)) as api:
        assert api.get("/report").raise_for_status().text.startswith("<!doctype html>")
        operations = api.get("/api/operations").raise_for_status().json()
    assert {entry["id"] for entry in operations["history"]} == {old.expected["first"], old.expected["second"]}
    assert all("item_transitions" in entry["metrics"] for entry in operations["history"])


def test_a_folder_that_cannot_be_written_to_is_served(old):
    before = contents(old.folder)
    for path in sorted(before, reverse=True):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert_same_answers(old.answers(), old.expected["generations"][old.expected["second"]])
        assert contents(old.folder) == before  # a superuser may write to what cannot be written to
    finally:
        for path in sorted(before):
            path.chmod(0o755 if path.is_dir() else 0o644)


def contents(folder: DataFolder) -> dict[Path, int]:
    """Everything but the files of the embedded Valkey, and when it was changed."""
    found = (path for path in folder.root.rglob("*") if folder.valkey not in (path, *path.parents))
    return {path: path.stat().st_mtime_ns for path in found}
