"""The real command as processes, and load on it, for the tests of serving.

Nothing here waits for a fixed time: every wait polls until an answer or a deadline.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

import httpx
import redis
from filelock import FileLock
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.embedded import socket_path
from shared.layout import DataFolder

COMMAND = Path(sys.executable).with_name("nightshelf")
START_SECONDS = 300.0  # a demo is built from nothing, on a machine that may be busy
PICK_UP_SECONDS = 5.0
READER = "reader-0042"
_POLL_SECONDS = 0.01  # leaves the processor to what is waited for
Found = TypeVar("Found")


def environment(**changes: str) -> dict[str, str]:
    """The environment of a command: the tests' own without Nightshelf settings, plus `changes`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTSHELF_")}
    return kept | {"HF_HUB_OFFLINE": "1", "COLUMNS": "80"} | changes


def run_command(*arguments: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    command = [str(COMMAND), *map(str, arguments)]
    return subprocess.run(command, env=environment(**changes), capture_output=True, text=True, timeout=300, check=False)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(look: Callable[[], Found | None], seconds: float, what: str) -> Found:
    """What `look` returns once it is neither `None` nor `False`; an assertion fails if that takes longer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found is not None and found is not False:
            return found
        time.sleep(_POLL_SECONDS)
    raise AssertionError(f"not within {seconds} seconds: {what}")


def connect(url: str) -> redis.Redis:
    """A client that fails at once if there is no server."""
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0))


def embedded_url(data: Path) -> str:
    """The URL of a data folder's embedded Valkey."""
    return f"unix://{socket_path(DataFolder(data))}"


def answers(url: str) -> bool:
    """Whether a Redis answers."""
    with connect(url) as client:
        try:
            return bool(client.ping())
        except redis.exceptions.ConnectionError:
            return False


def process_of(url: str) -> int:
    """The process id of the Redis at this URL."""
    with connect(url) as client:
        return int(client.info("server")["process_id"])


def alive(pid: int) -> bool:
    """Whether a process runs and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@dataclass
class Server:
    """One running `nightshelf serve` or `demo`."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def get(self, path: str, **parameters: str | int) -> httpx.Response:
        """One request on a connection of its own."""
        return httpx.get(self.url + path, params=parameters, timeout=20)

    def recommend(self, user: str, limit: int = 10) -> dict:
        """Recommendations for a user; anything but 200 is an error."""
        return self.get(f"/api/recommendations/user/{user}", limit=limit).raise_for_status().json()

    def report(self, **event: object) -> None:
        """Report one event, which must be new."""
        answer = httpx.post(f"{self.url}/api/events", json=event, timeout=20).raise_for_status().json()
        assert answer == {"accepted": 1, "duplicates": 0, "rejected": []}

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all series of this name that have these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(line.rpartition(" ")[2])
            for line in self.get("/metrics").raise_for_status().text.splitlines()
            if line.partition(" ")[0].partition("{")[0] == name and all(label in line for label in wanted)
        )

    def wait_for_generation(self, generation: str, seconds: float = PICK_UP_SECONDS) -> None:
        """Wait until answers come from this generation."""
        with httpx.Client(base_url=self.url, timeout=20) as client:
            eventually(
                lambda: (
                    client.get(f"/api/recommendations/user/{READER}").raise_for_status().json()["generation"]
                    == generation
                ),
                seconds,
                f"answers from {generation}; {self.log.read_text()}",
            )

    def wait_until_ready(self) -> None:
        """Wait until it serves; fail if it exits."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                try:
                    if self.get("/readyz").status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    continue
            else:
                raise AssertionError(f"ended with {self.process.returncode}: {self.log.read_text()}")
        raise AssertionError(f"not ready within {START_SECONDS} seconds: {self.log.read_text()}")

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and return its exit code."""
        self.process.send_signal(sent)
        return self.process.wait(30)


@contextmanager
def serving(
    *arguments: str | Path, log: Path, port: int | None = None, command: str = "serve", **changes: str
) -> Iterator[Server]:
    """A server that is ready; stopped at the end if it still runs."""
    port = free_port() if port is None else port
    words = [str(COMMAND), command, "--port", str(port), *map(str, arguments)]
    with log.open("ab") as output:
        process = subprocess.Popen(words, env=environment(**changes), stdout=output, stderr=output)
    server = Server(process, f"http://127.0.0.1:{port}", log)
    try:
        server.wait_until_ready()
        yield server
    finally:
        if process.poll() is None:
            try:
                server.stop()
            finally:
                process.kill()
                process.wait()


@dataclass
class Load:
    """Clients that each ask, wait for the answer and ask again, until the block is left.

    Attributes:
        outcomes: how often each path was answered with each status, or failed with which error.
        wrong: answers that no client should ever get, in words.
        degraded: answers given without Redis.
        generations: those that answers came from.
    """

    url: str
    paths: Sequence[str]
    n_clients: int = 8
    outcomes: Counter[tuple[str, int | str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    degraded: int = 0
    generations: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()

    @property
    def n_requests(self) -> int:
        """Number of finished requests."""
        return sum(self.outcomes.values())

    @property
    def failures(self) -> dict[tuple[str, int | str], int]:
        """Everything but 200."""
        return {outcome: n for outcome, n in self.outcomes.items() if outcome[1] != httpx.codes.OK}

    def wait_for(self, n_requests: int) -> None:
        """Wait for this many more requests to finish."""
        enough = self.n_requests + n_requests
        eventually(lambda: self.n_requests >= enough, 30, f"{n_requests} requests; {self.outcomes}")

    async def _all(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=20) as client:
            await asyncio.gather(*(self._one(client, first) for first in range(self.n_clients)))

    async def _one(self, client: httpx.AsyncClient, first: int) -> None:
        turn = first
        while not self._stopped.is_set():
            path = self.paths[turn % len(self.paths)]
            turn += 1
            try:
                response = await client.get(path)
            except httpx.HTTPError as error:
                self.outcomes[path, repr(error)] += 1
                continue
            self.outcomes[path, response.status_code] += 1
            if response.status_code == httpx.codes.OK:
                self._examine(path, response.json())

    def _examine(self, path: str, answer: Mapping) -> None:
        books = [item["book_id"] for item in answer["items"]]
        if len(books) != 10 or len(set(books)) != 10:
            self.wrong.append(f"{path}: {books}")
        if "generation" in answer:
            self.generations.add(answer["generation"])
            self.degraded += answer["degraded"]


def demo_folder(temporary: Path) -> Path:
    """The demo's data folder, made once for all tests of all workers by the command itself. Copy it before use."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        temporary = temporary.parent
    data = temporary / "demo" / "data"
    with FileLock(temporary / "demo.lock"):
        if not data.exists():
            making = temporary / "demo-being-made"
            assert not making.exists(), "the demo could not be made before; the first failure says why"
            making.mkdir()
            with serving("--data-dir", making / "data", log=making / "log", command="demo") as server:
                assert server.recommend(READER)["strategy"] == "hybrid"
            making.rename(data.parent)
    return data


def copy_of(data: Path, to: Path) -> Path:
    """A copy of a data folder that no server uses."""
    shutil.copytree(data, to, ignore=shutil.ignore_patterns("*.sock"))
    return to
