import os
import signal
import subprocess
import sys

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.embedded import embedded_valkey, socket_path
from shared.errors import StoreUnavailableError
from shared.layout import DataFolder

USE_IT = """
import os, signal, sys
from pathlib import Path
import redis
from services.embedded import embedded_valkey
from shared.layout import DataFolder
with embedded_valkey(DataFolder(Path(sys.argv[1]))) as url:
    print(redis.Redis.from_url(url).incr("x"), flush=True)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
"""


def use(folder, how):
    return subprocess.Popen(
        [sys.executable, "-c", USE_IT, folder, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def value(url, key="x"):
    with redis.Redis.from_url(url) as client:
        return int(client.get(key))


def answers(folder):
    with redis.Redis(unix_socket_path=str(socket_path(folder)), retry=Retry(NoBackoff(), 0)) as client:
        try:
            return client.ping()
        except redis.exceptions.ConnectionError:
            return False


def test_data_is_kept_and_the_server_is_gone_after_use(tmp_path):
    folder = DataFolder(tmp_path)
    for expected in (1, 2):
        with embedded_valkey(folder) as url, redis.Redis.from_url(url) as client:
            assert client.incr("x") == expected
        assert not answers(folder)


def test_a_killed_predecessor_leaves_nothing_in_the_way(tmp_path):
    killed = use(tmp_path, "die")
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    folder = DataFolder(tmp_path)
    assert answers(folder), "the server outlives the command that was killed"
    with embedded_valkey(folder) as url:
        assert value(url) == 1
    assert not answers(folder), "the next one to leave stops it"


def test_a_stale_socket_and_a_killed_server_are_survived(tmp_path):
    folder = DataFolder(tmp_path)
    with embedded_valkey(folder) as url, redis.Redis.from_url(url) as client:
        client.set("x", 5)
        client.config_set("appendfsync", "always")
        client.set("x", 6)
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
    assert socket_path(folder).exists()
    with embedded_valkey(folder) as url:
        assert value(url) == 6


def test_the_last_one_to_leave_stops_it(tmp_path):
    folder = DataFolder(tmp_path)
    first = use(tmp_path, "stay")
    assert first.stdout.readline() == "1\n"
    with embedded_valkey(folder) as url:
        first.communicate()
        assert first.returncode == 0
        assert value(url) == 1, "the server stays while somebody uses it"
    assert not answers(folder)


def test_a_deep_folder_has_its_socket_elsewhere(tmp_path):
    folder = DataFolder(tmp_path / "/".join(["deep" * 10] * 3))
    assert len(str(folder.valkey)) > 108
    with embedded_valkey(folder) as url, redis.Redis.from_url(url) as client:
        assert client.ping()


def test_a_server_that_cannot_start_says_why(tmp_path):
    folder = DataFolder(tmp_path)
    (folder.valkey / "appendonlydir").mkdir(parents=True)
    (folder.valkey / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(StoreUnavailableError, match="did not start"), embedded_valkey(folder):
        pass
