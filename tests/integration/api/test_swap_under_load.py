"""New generations under load: every flip is picked up, no request fails, and what is damaged is not served."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil

import pytest

from services.api.state import generation_manager as live
from services.api.state.store import Store
from services.batch.publish.rollback import rollback
from services.batch.runtime.context import RunContext
from shared.artifacts.generation import read_manifest, read_pointer_file
from shared.errors import NoGenerationError
from shared.keys import Keys
from shared.layout import DataFolder
from shared.publication import current_generation, flip
from shared.settings import load_settings
from tests.servers.server import (
    PICK_UP_SECONDS,
    READER,
    Load,
    connect,
    copy_of,
    demo_folder,
    embedded_url,
    eventually,
    run_command,
    serving,
)

pytestmark = pytest.mark.slow
KEYS = Keys()
PATHS = [
    *(f"/api/recommendations/user/reader-{number:04}" for number in range(40, 60)),
    "/api/recommendations/user/somebody-new",
    "/books/The%20Hobbit/similar",
    "/books/pride%20and%20prejudice/similar",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with two generations that share nothing but their books."""
    data = copy_of(demo_folder(tmp_path_factory.getbasetemp()), tmp_path_factory.mktemp("swap") / "data")
    other = run_command(
        "nightly", "--data-dir", data, NIGHTSHELF_COLLABORATIVE__RANK="32", NIGHTSHELF_CONTENT__CLUSTERS="12"
    )
    assert other.returncode == 0, other.stderr
    first, second = sorted(path.stem for path in (data / "generations").glob("*.json"))
    folder = DataFolder(data)
    artifacts = read_manifest(folder, first).artifacts, read_manifest(folder, second).artifacts
    assert {kind for kind in artifacts[0] if artifacts[0][kind] == artifacts[1][kind]} == {"catalog"}
    return folder


@pytest.fixture(scope="module")
def generations(data):
    return sorted(path.stem for path in data.generations.glob("*.json"))


@pytest.fixture(scope="module")
def server(data, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "serve.log"
    with serving("--embedded", "--data-dir", data.root, log=log) as server:
        yield server


@pytest.fixture(scope="module")
def client(server, data):
    assert server.process.poll() is None
    with connect(embedded_url(data.root)) as client:
        yield client


def publish(client, data, generation):
    """What `nightshelf generations rollback --to` does."""
    rollback(RunContext(load_settings(data_dir=data.root), client=client), generation)


def test_no_request_fails_over_twenty_flips(server, client, data, generations):
    publish(client, data, generations[0])
    server.wait_for_generation(generations[0])
    n_failures = server.metric("nightshelf_generation_load_failures_total")
    with Load(server.url, PATHS) as load:
        for generation in itertools.islice(itertools.cycle(reversed(generations)), 20):
            before = load.n_requests
            publish(client, data, generation)
            server.wait_for_generation(generation)
            assert load.n_requests > before, "flips are tested under load"
        load.wait_for(100)
    assert load.failures == {}
    assert load.wrong == []
    assert load.degraded == 0
    assert load.generations == set(generations)
    assert {path for path, _ in load.outcomes} == set(PATHS)
    assert server.metric("nightshelf_generation_load_failures_total") == n_failures
    assert server.metric("nightshelf_generation_info") == 1, "one generation is served"


def without_manifest(data, name):
    (data.generations / f"{name}.json").unlink()


def with_a_manifest_cut_short(data, name):
    path = data.generations / f"{name}.json"
    path.write_text(path.read_text()[:100])


def with_a_flipped_bit(data, name):
    artifact = damaged_part(data, name, "content")
    vectors = next(path for path in sorted(artifact.iterdir()) if path.stat().st_size > 100_000)
    content = bytearray(vectors.read_bytes())
    content[len(content) // 2] ^= 1
    vectors.write_bytes(content)


def with_a_file_cut_short(data, name):
    artifact = damaged_part(data, name, "collaborative")
    factors = artifact / "item_factors.npy"
    factors.write_bytes(factors.read_bytes()[:-1])


def without_a_part(data, name):
    shutil.rmtree(damaged_part(data, name, "popularity"))


def with_parts_that_do_not_fit(data, name):
    """Fewer books in the catalogue than in all the rest."""
    artifact = damaged_part(data, name, "catalog")
    facts = json.loads((artifact / "artifact.json").read_text())
    for file in ("ids.json", "titles.json", "authors.json"):
        shorter = json.dumps(json.loads((artifact / file).read_text())[:-5]).encode()
        (artifact / file).write_bytes(shorter)
        facts["files"].pop(file)
    (artifact / "artifact.json").write_text(json.dumps(facts))


def damaged_generation(data, of, damage):
    """A copy of a generation with something wrong with it."""
    damaged = damage.__name__
    manifest = read_manifest(data, of).model_copy(update={"id": damaged})
    (data.generations / f"{damaged}.json").write_text(manifest.model_dump_json())
    damage(data, damaged)
    return damaged


def damaged_part(data, name, kind):
    """Give a generation a part of its own, a copy of the one it had."""
    path = data.generations / f"{name}.json"
    manifest = json.loads(path.read_text())
    copy = data.artifacts / f"{kind}-{name}"
    shutil.copytree(data.artifacts / f"{kind}-{manifest['artifacts'][kind]}", copy)
    manifest["artifacts"][kind] = name
    path.write_text(json.dumps(manifest))
    return copy


@pytest.mark.parametrize(
    "damage",
    [
        without_manifest,
        with_a_manifest_cut_short,
        with_a_flipped_bit,
        with_a_file_cut_short,
        without_a_part,
        with_parts_that_do_not_fit,
    ],
)
def test_a_damaged_generation_is_refused_and_the_old_one_goes_on(server, client, data, generations, damage):
    good = generations[0]
    publish(client, data, good)
    server.wait_for_generation(good)
    damaged = damaged_generation(data, generations[1], damage)
    refused = server.metric("nightshelf_generation_load_failures_total")
    with Load(server.url, PATHS, n_clients=4) as load:
        flip(client, KEYS, data, expected=good, to=damaged)  # what no run would do: it verifies first
        eventually(
            lambda: server.metric("nightshelf_generation_load_failures_total") == refused + 1,
            PICK_UP_SECONDS,
            f"{damaged} counted as refused",
        )
        load.wait_for(50)
    assert load.failures == {}
    assert load.wrong == []
    assert load.generations == {good}
    assert read_pointer_file(data) == damaged
    [line] = [line for line in server.log.read_text().splitlines() if "generation.refused" in line and damaged in line]
    assert f"still_serving={good}" in line
    flip(client, KEYS, data, expected=damaged, to=good)


def test_after_a_damaged_generation_a_sound_one_is_served(server, client, data, generations):
    refused = server.metric("nightshelf_generation_load_failures_total")
    flip(client, KEYS, data, expected=current_generation(client, KEYS), to="never-written")
    eventually(
        lambda: server.metric("nightshelf_generation_load_failures_total") == refused + 1, PICK_UP_SECONDS, "refused"
    )
    publish(client, data, generations[1])
    server.wait_for_generation(generations[1])
    assert server.recommend(READER)["strategy"] == "hybrid"


def test_a_refused_generation_whose_files_arrive_late_is_served_after_all(client, data, generations, monkeypatch):
    monkeypatch.setattr(live, "_RETRY_REFUSED_SECONDS", 0.0)
    url = embedded_url(data.root)
    [served] = {generations[0], generations[1]} - {current_generation(client, KEYS)}

    async def follow():
        store = Store(load_settings(redis_url=url), url)
        following = live.GenerationManager(data, store, poll_seconds=1)
        try:
            publish(client, data, served)
            manifest = data.generations / f"{served}.json"
            manifest.rename(data.generations / "late")
            await following.refresh()
            with pytest.raises(NoGenerationError, match=f"{served} cannot be loaded"):
                following.current()
            (data.generations / "late").rename(manifest)
            await following.refresh()
            return following.current().generation.id
        finally:
            await store.close()

    assert asyncio.run(follow()) == served
