"""Each DAG over the demo data with the real command, one after the other on one data folder."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import redis

from services.batch.ingest.event_files import event_files
from services.batch.ingest.snapshot import current_snapshot
from services.batch.runtime.lease import holder, release, step_of
from shared.artifacts.generation import GenerationManifest, read_manifest
from shared.keys import Keys
from shared.layout import DataFolder
from shared.publication import current_generation
from tests.servers.server import eventually, serving

pytestmark = pytest.mark.slow
READER = "reader-0042"


@dataclass(frozen=True)
class Shelf:
    """The data folder of the runs."""

    settings: dict[str, str]
    client: redis.Redis

    @property
    def folder(self) -> DataFolder:
        return DataFolder(Path(self.settings["NIGHTSHELF_DATA_DIR"]))

    @property
    def pointer(self) -> str | None:
        return current_generation(self.client, Keys(self.settings["NIGHTSHELF_REDIS_PREFIX"]))

    @property
    def manifest(self) -> GenerationManifest:
        return read_manifest(self.folder, self.pointer)

    def taken_events(self) -> list[str]:
        """Ids of this module's events in the newest snapshot; others use the same demo."""
        return _own(current_snapshot(self.folder).load_interactions()["event_id"])


def _own(event_ids: pd.Series) -> list[str]:
    return sorted(event_id for event_id in event_ids.dropna() if event_id.startswith("likes "))


@pytest.fixture(scope="module")
def shelf(demo_night):
    with redis.Redis.from_url(demo_night["NIGHTSHELF_REDIS_URL"]) as client:
        yield Shelf(demo_night, client)


@pytest.fixture(scope="module")
def rebuilt(airflow, shelf):
    """A rebuild, from nothing."""
    return airflow.ask("dag_test", shelf.settings, dag_id="rebuild", logical_date="2026-05-01T03:00:00+00:00")


@pytest.fixture(scope="module")
def events_stored(rebuilt, airflow, shelf, tmp_path_factory):
    """`store_events` after a reader reported two events to the API, and the generation served then."""
    assert rebuilt["state"] == "success"
    log = tmp_path_factory.mktemp("api") / "log"
    with serving(log=log, **shelf.settings) as server:
        liked = [item["book_id"] for item in server.recommend(READER)["items"][:2]]
        for book in liked:
            server.report(event_id=f"likes {book}", user_id=READER, book_id=book, kind="rating", value=5)
    return liked, shelf.pointer, airflow.ask("dag_test", shelf.settings, dag_id="store_events")


@pytest.fixture(scope="module")
def made_up_for(events_stored, airflow, shelf):
    """The night of a date that was missed, begun while another run is active; and new books, tried meanwhile."""
    assert events_stored[-1]["state"] == "success"
    with step_of(shelf.folder, "somebody's", lease_minutes=60):
        pass
    new_books = airflow.ask("dag_test", shelf.settings, dag_id="embed_new_books")
    refused_before = airflow.log.read_text().count("RunActiveError")

    def give_back():
        eventually(lambda: airflow.log.read_text().count("RunActiveError") > refused_before, 120, "the night waits")
        release(shelf.folder, "somebody's")

    other_run = threading.Thread(target=give_back)
    other_run.start()
    night = airflow.ask(
        "dag_test", shelf.settings, dag_id="nightly_recommendations", logical_date="2026-04-30T03:00:00+00:00"
    )
    other_run.join()
    return new_books, night


def test_a_rebuild_makes_everything_from_nothing(rebuilt, shelf):
    assert rebuilt["state"] == "success"
    assert {task["state"] for task in rebuilt["tasks"].values()} == {"success"}
    begun = rebuilt["returned"]["ingest"]
    assert rebuilt["assets"]["nightshelf://snapshot/"]["snapshot"] == begun["snapshot"]
    assert rebuilt["assets"]["nightshelf://generation/"] == {"generation": begun["generation"], "published": True}
    manifest = read_manifest(shelf.folder, begun["generation"])
    assert (manifest.night, manifest.snapshot) == ("2026-05-01", begun["snapshot"])
    assert holder(shelf.folder) is None


def test_events_become_durable_beside_any_run(events_stored, shelf):
    liked, _, outcome = events_stored
    assert outcome["state"] == "success"
    assert outcome["returned"] == {"store_waiting_events": {"n_events": 2}}
    stored = pd.concat([pd.read_parquet(path) for path in event_files(shelf.folder.events)])
    assert _own(stored["event_id"]) == sorted(f"likes {book}" for book in liked)


def test_new_books_leave_the_folder_to_another_run(made_up_for):
    outcome, _ = made_up_for
    states = {name: task["state"] for name, task in outcome["tasks"].items()}
    assert states == dict.fromkeys(("ingest", "embed", "index", "publish"), "skipped") | {"release": "success"}
    assert outcome["state"] == "success"


def test_a_night_waits_for_another_run_then_takes_in_everything_under_its_own_date(made_up_for, events_stored, shelf):
    _, night = made_up_for
    liked, before, _ = events_stored
    assert night["state"] == "success"
    assert night["tasks"]["ingest"]["tries"] > 1
    assert {night["tasks"][step]["tries"] for step in ("embed", "gate", "publish", "release")} == {1}
    published = read_manifest(shelf.folder, night["returned"]["ingest"]["generation"])
    assert published.night == "2026-04-30"
    assert published.id != before
    assert shelf.taken_events() == sorted(f"likes {book}" for book in liked)


def test_new_books_publish_nothing_when_there_are_none(made_up_for, airflow, shelf):
    before = shelf.pointer
    assert before == made_up_for[1]["returned"]["ingest"]["generation"]
    outcome = airflow.ask("dag_test", shelf.settings, dag_id="embed_new_books")
    assert outcome["state"] == "success"
    assert {task["state"] for task in outcome["tasks"].values()} == {"success"}
    assert outcome["assets"]["nightshelf://generation/"] == {"generation": before, "published": False}
    assert shelf.pointer == before
    assert holder(shelf.folder) is None
