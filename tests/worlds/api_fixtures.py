"""One published world and one server for every test of the HTTP API: `pytest_plugins` names this module."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pandas as pd
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.batch.ingest.snapshot import current_snapshot
from shared.artifacts.catalog import Catalog
from shared.artifacts.generation import artifact_folder, read_manifest
from shared.keys import Keys
from shared.layout import DataFolder
from tests.servers.server import demo_folder
from tests.worlds.api_world import Api, World, publish_world, serving


@pytest.fixture(scope="session")
def odd_world(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The demo and the odd books, published; the demo's are embedded already."""
    folder = tmp_path_factory.mktemp("odd-world")
    demo = demo_folder(tmp_path_factory.getbasetemp())
    shutil.copytree(DataFolder(demo).embeddings, DataFolder(folder).embeddings)
    return publish_world(folder, valkey_url, f"api-{os.getpid()}")


@pytest.fixture(scope="session")
def api(odd_world: World) -> Iterator[Api]:
    """The API over that world. Users of a test are new ones, so that tests do not see each other."""
    with serving(odd_world.settings) as served:
        yield served


@pytest.fixture(scope="session")
def catalog(odd_world: World) -> Catalog:
    """The books being served, read from disk."""
    folder = DataFolder(odd_world.settings.data_dir)
    manifest = read_manifest(folder, odd_world.generation_id)
    return Catalog.open(artifact_folder(folder, "catalog", manifest.artifacts["catalog"]))


@pytest.fixture(scope="session")
def interactions(odd_world: World, catalog: Catalog) -> pd.DataFrame:
    """What readers did, with the columns of the snapshot and `book_id`."""
    snapshot = current_snapshot(DataFolder(odd_world.settings.data_dir))
    assert snapshot is not None
    rows = snapshot.load_interactions()
    return rows.assign(book_id=[catalog.ids[number] for number in rows["book_number"]])


@pytest.fixture(scope="session")
def seen_by(interactions: pd.DataFrame) -> dict[str, set[str]]:
    """Book ids by user: everything each did anything with."""
    return interactions.groupby("user_id")["book_id"].agg(set).to_dict()


@pytest.fixture
def state(odd_world: World) -> Iterator[tuple[redis.Redis, Keys]]:
    """The world's Redis and its keys, for what no request can bring about."""
    assert odd_world.settings.redis_url is not None
    with redis.Redis.from_url(odd_world.settings.redis_url, retry=Retry(NoBackoff(), 0)) as client:
        yield client, Keys(odd_world.settings.redis_prefix)
