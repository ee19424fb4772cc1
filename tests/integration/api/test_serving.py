"""`nightshelf serve` and `demo` as processes: starting, stopping, being killed, and several workers."""

from __future__ import annotations

import functools
import re
import shutil
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from services.batch.publish.rollback import rollback
from services.batch.runtime.context import RunContext
from shared.settings import load_settings
from tests.servers.open_connections import left_open
from tests.servers.server import (
    COMMAND,
    READER,
    Load,
    alive,
    answers,
    connect,
    copy_of,
    demo_folder,
    embedded_url,
    environment,
    eventually,
    free_port,
    process_of,
    run_command,
    serving,
)
from tests.worlds import api_world

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return copy_of(demo_folder(tmp_path_factory.getbasetemp()), tmp_path_factory.mktemp("serving") / "data")


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def stop_under_load(server, data, sent):
    """What has begun is answered, and the embedded Valkey is stopped with the server."""
    url = embedded_url(data)
    valkey = process_of(url)
    with Load(server.url, [f"/api/recommendations/user/{READER}"]) as load:
        load.wait_for(50)
        code = server.stop(sent)
    assert code == 0, server.log.read_text()
    assert not answers(url)
    assert not alive(valkey)
    assert {status for _, status in load.outcomes if isinstance(status, int)} == {200}
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_answers_what_it_has_begun_and_takes_its_valkey_with_it(data, tmp_path, sent):
    with serving("--embedded", "--data-dir", data, log=tmp_path / "log") as server:
        stop_under_load(server, data, sent)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_stops_whatever_its_clients_leave_open(data, tmp_path, workers):
    port = free_port()
    options = ("--embedded", "--data-dir", data, "--workers", str(workers))
    with serving(*options, log=tmp_path / "log", port=port) as server, left_open(port):
        assert server.stop() == 0, server.log.read_text()
    assert not answers(embedded_url(data))


def test_so_does_a_server_in_a_thread_of_the_tests(valkey_url, prefix, tmp_path):
    settings = load_settings(data_dir=tmp_path, redis_url=valkey_url, redis_prefix=prefix)
    with ExitStack() as clients, api_world.serving(settings) as api:
        clients.enter_context(left_open(api.address[1]))


@pytest.mark.parametrize("workers", [1, 2])
def test_after_a_killed_server_a_new_one_starts_on_the_same_port_and_knows_everything(data, tmp_path, workers):
    options = ("--embedded", "--data-dir", data, "--workers", str(workers))
    port = free_port()
    reader = f"reader-of-{workers}-killed"
    with serving(*options, log=tmp_path / "log", port=port) as server:
        book_id = server.recommend(reader)["items"][0]["book_id"]
        server.report(event_id=reader, user_id=reader, book_id=book_id, kind="read")
        before = server.recommend(reader)
        assert before["strategy"] == "hybrid"
        processes = [child for child in children_of(server.process.pid) if child != process_of(embedded_url(data))]
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        eventually(lambda: not any(map(alive, processes)), 15, "workers end with their parent")
    url = embedded_url(data)
    valkey = process_of(url)
    with serving(*options, log=tmp_path / "log", port=port) as server:
        assert process_of(url) == valkey, "the Valkey that was left is used"
        assert server.recommend(reader) == before
    assert not alive(valkey), "and is stopped in the end"


def test_two_workers_both_follow_are_counted_together_and_stop_together(tmp_path_factory, tmp_path):
    data = copy_of(demo_folder(tmp_path_factory.getbasetemp()), tmp_path / "data")
    first = only_generation(data)
    night = run_command("nightly", "--data-dir", data, NIGHTSHELF_COLLABORATIVE__RANK="32")
    assert night.returncode == 0, night.stderr
    with serving("--embedded", "--data-dir", data, "--workers", "2", log=tmp_path / "log") as server:
        eventually(lambda: len(workers_serving(server)) == 2, 30, "two workers")
        second = server.recommend(READER)["generation"]
        assert set(workers_serving(server).values()) == {second}
        with Load(server.url, [f"/api/recommendations/user/{READER}"]) as load:
            with connect(embedded_url(data)) as client:
                rollback(RunContext(load_settings(data_dir=data), client=client), first)
            eventually(lambda: set(workers_serving(server).values()) == {first}, 5, "both workers follow")
            load.wait_for(50)
        assert load.failures == {}
        assert load.wrong == []
        assert load.generations == {first, second}
        assert len(workers_serving(server)) == 2

        before = server.metric("nightshelf_request_seconds_count", strategy="hybrid", status="2xx")
        assert before >= load.n_requests
        for _ in range(20):  # each on a connection of its own, for either worker to take
            server.recommend(READER)
        assert server.metric("nightshelf_request_seconds_count", strategy="hybrid", status="2xx") == before + 20
        assert server.metric("nightshelf_redis_up") == 2
        stop_under_load(server, data, signal.SIGTERM)


def only_generation(data):
    [path] = (data / "generations").glob("*.json")
    return path.stem


def workers_serving(server):
    """The generation each worker says that it serves, by process id."""
    series = re.compile(r'^nightshelf_generation_info\{generation="([^"]+)",pid="(\d+)"\} 1\.0$', re.MULTILINE)
    return {pid: generation for generation, pid in series.findall(server.get("/metrics").text)}


def test_a_server_with_nothing_published_becomes_ready_with_the_first_night(tmp_path_factory, tmp_path):
    data = copy_of(demo_folder(tmp_path_factory.getbasetemp()), tmp_path / "data")
    for published in ("generations", "valkey"):
        shutil.rmtree(data / published)
    port = free_port()
    words = [COMMAND, "serve", "--embedded", "--data-dir", data, "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(list(map(str, words)), env=environment(), stdout=log, stderr=log)
    try:
        status = eventually(lambda: status_of(f"http://127.0.0.1:{port}/readyz"), 60, "an answer")
        assert status == httpx.codes.SERVICE_UNAVAILABLE
        assert status_of(f"http://127.0.0.1:{port}/healthz") == httpx.codes.OK
        assert status_of(f"http://127.0.0.1:{port}/api/recommendations/user/u") == httpx.codes.SERVICE_UNAVAILABLE
        assert "Nothing has been published yet" in (tmp_path / "log").read_text()
        night = run_command("nightly", "--data-dir", data)
        assert night.returncode == 0, night.stderr
        eventually(lambda: status_of(f"http://127.0.0.1:{port}/readyz") == httpx.codes.OK, 5, "ready")
    finally:
        process.terminate()
        assert process.wait(30) == 0


def status_of(url):
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return None


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_stopped_in_its_night_leaves_no_valkey_and_can_go_on(tmp_path_factory, tmp_path, sent):
    data = copy_of(demo_folder(tmp_path_factory.getbasetemp()), tmp_path / "data")
    shutil.rmtree(data / "artifacts")  # so that the index is built, and the night stopped there
    words = [str(COMMAND), "demo", "--data-dir", str(data), "--port", str(free_port())]
    url = embedded_url(data)
    with subprocess.Popen(
        words,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A runner in the background may have been told to ignore Ctrl-C, and its children inherit that.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as demo:
        try:
            told = []
            for line in demo.stdout:
                told.append(line)
                if re.search(r"\d/\d+ index\b", line):
                    break
                assert "http://" not in line, f"it serves, and no step was called index: {told}"
            valkey = process_of(url)
            demo.send_signal(sent)
            rest, _ = demo.communicate(timeout=60)
        finally:
            demo.kill()
    assert demo.returncode == 128 + sent, rest
    assert "Traceback" not in rest
    assert not answers(url)
    assert not alive(valkey)
    again = run_command("generations", "list", "--data-dir", data)
    assert again.stdout.count("served") == 1, "what was published stays"
