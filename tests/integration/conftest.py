"""Small installations with nights behind them.

Vectors are made once for all tests; every other step runs again. What many tests begin with is made once for each
server and then copied, folder and keys.
"""

from __future__ import annotations

import shutil

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers.step_processes import Run, step_processes
from tests.worlds.library import Library


@pytest.fixture(scope="session")
def small_vectors(valkey_url, tmp_path_factory):
    """The vector store of the small world: one real first night, after which no other has to load the model."""
    with redis.Redis.from_url(valkey_url) as client:
        library = Library.founded(tmp_path_factory.mktemp("vectors"), valkey_url, "vectors", client)
        report = library.night()
        assert report.n_embedded == len(library.world.books)
        return library.folder.embeddings


@pytest.fixture
def server_url(valkey_url):
    """The server of `library`. A module that wants both overrides it with `any_redis_url`."""
    return valkey_url


@pytest.fixture
def client(server_url, prefix):
    """A client of that server, replies as bytes. Leaves no key of the test's behind."""
    with redis.Redis.from_url(server_url, retry=Retry(NoBackoff(), 0)) as client:
        yield client
        if keys := client.keys(f"{prefix}[:-]*"):
            client.unlink(*keys)


@pytest.fixture
def founded(small_vectors, server_url, client, prefix, tmp_path):
    """A library before its first night; its books are embedded already."""
    library = Library.founded(tmp_path, server_url, prefix, client)
    shutil.copytree(small_vectors, library.folder.embeddings)
    return library


@pytest.fixture(scope="session")
def models():
    """Libraries to copy, by server and name."""
    return {}


@pytest.fixture
def copy_of(models, small_vectors, server_url, client, prefix, tmp_path, tmp_path_factory):
    """Gives a copy of the library that `nights` makes of a founded one, which it does once for each name."""

    def copy(name, nights):
        if (server_url, name) not in models:
            root = tmp_path_factory.mktemp(name)
            model = Library.founded(root, server_url, f"model-{prefix}", client)
            shutil.copytree(small_vectors, model.folder.embeddings)
            nights(model)
            models[server_url, name] = model
        return models[server_url, name].cloned(tmp_path, prefix, client)

    return copy


@pytest.fixture
def library(copy_of):
    """A library after its first night."""
    return copy_of("first-night", lambda library: library.night())


@pytest.fixture(scope="session")
def processes(tmp_path_factory):
    """Runs steps in processes of their own."""
    with step_processes(tmp_path_factory.mktemp("steps")) as running:
        yield running


@pytest.fixture(scope="session")
def model_by_steps(processes, valkey_url, tmp_path_factory):
    """A library after two nights of steps, which collect without grace."""
    with redis.Redis.from_url(valkey_url) as client:
        root = tmp_path_factory.mktemp("by-steps")
        batch = {"threads": 1, "collect_grace_hours": 0}
        library = Library.founded(root, valkey_url, "by-steps", client, batch=batch)
        Run(processes, library, "first").whole()
        library.world.rate("r000", "b01", 5)
        Run(processes, library, "second").whole()
        yield library


@pytest.fixture
def by_steps(model_by_steps, client, prefix, tmp_path):
    """A copy of that library."""
    return model_by_steps.cloned(tmp_path, prefix, client)


@pytest.fixture(scope="session")
def run_of(processes):
    """Gives runs of a library's steps."""
    return lambda library, name, **how: Run(processes, library, name, **how)
