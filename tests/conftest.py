"""Real servers and a real published generation, shared by the tests that need them."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import time

import pytest
import redis
import structlog
from hypothesis import settings as hypothesis_settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.embedded import embedded_valkey
from shared.layout import DataFolder
from tests.paths import DATASETS

os.environ["HF_HUB_OFFLINE"] = "1"
hypothesis_settings.register_profile("nightshelf", deadline=None)  # no test measures time
hypothesis_settings.load_profile("nightshelf")
_prefixes = itertools.count()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Files with slow tests come first, in random order: no worker is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def absent(what: str) -> None:
    """An optional service is missing: skip on a laptop, fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not installed; CI needs it")
    pytest.skip(f"{what} is not installed")


@pytest.fixture(autouse=True)
def _logging_as_before():
    """What a command run in this process chose to log is not for the tests after it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory):
    """The embedded Valkey, for the whole session."""
    with embedded_valkey(DataFolder(tmp_path_factory.mktemp("valkey"))) as url:
        yield url


@pytest.fixture(scope="session")
def redis_server_url(tmp_path_factory):
    """The distribution's redis-server, for the whole session."""
    binary = shutil.which("redis-server")
    if binary is None:
        absent("redis-server")
    folder = tmp_path_factory.mktemp("redis")
    socket = folder / "redis.sock"
    options = ["--port", "0", "--unixsocket", socket, "--dir", folder, "--save", ""]
    server = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0)) as client:
            deadline = time.monotonic() + 20
            while True:
                try:
                    client.ping()
                    break
                except redis.exceptions.ConnectionError:
                    if time.monotonic() > deadline:
                        raise
        yield f"unix://{socket}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(params=["valkey", "redis-server"])
def any_redis_url(request):
    """Each server in turn: what passes on one must pass on the other."""
    return request.getfixturevalue("valkey_url" if request.param == "valkey" else "redis_server_url")


@pytest.fixture
def prefix():
    """A key prefix of the test's own."""
    return f"t{os.getpid()}-{next(_prefixes)}"


@pytest.fixture(scope="session")
def datasets():
    """The folder of evaluation data."""
    if not DATASETS.is_dir():
        pytest.skip(f"no evaluation data at {DATASETS}; set NIGHTSHELF_DATASETS")
    return DATASETS
