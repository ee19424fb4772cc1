"""The whole system for real: built, started, and walked through; `make compose-test`.

Exit code 0 if every step held. What the containers said is in build/compose-test.log either way, and nothing is left
running. With COMPOSE_TEST_STOCK_IMAGES=1 images come from where the engine gets them; otherwise `make_bases.py` makes
stand-ins from Debian's packages. The Airflow environment and the batch environment are built from wheels that pip
downloads once, into docker/wheelhouse.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import httpx

import make_bases
import wheelhouse
from airflow_api import Airflow
from engine import PROJECT, Project, ensure_engine
from image_report import OF_THE_NIGHT
from load import Load
from waiting import eventually

NAME = "nightshelf-test"
LOG = PROJECT / "build" / "compose-test.log"
READER = "reader-0042"
NEW_READER = "walk-new-reader"
NIGHT = "nightly_recommendations"
PERSONAL = ("hybrid", "collaborative")


def step(text: str) -> None:
    """Say what is done now."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_environment(file: Path, *, stock: bool) -> dict[str, str]:
    """An environment file with fresh secrets and free ports; returns what is in it."""
    made = subprocess.run([PROJECT / "docker" / "new-env.sh"], capture_output=True, text=True, check=True).stdout
    settings = dict(line.split("=", 1) for line in made.splitlines() if line and not line.startswith("#"))
    settings |= {
        "COMPOSE_PROJECT_NAME": NAME,
        "NIGHTSHELF_PORT": str(free_port()),
        "AIRFLOW_PORT": str(free_port()),
        "NIGHTSHELF_NIGHT_MEMORY": "4g",
    }
    if not stock:
        settings["NIGHTSHELF_PIP_EXTRA"] = "--no-index"
    assert all(settings[name] for name in settings if name.endswith(("PASSWORD", "KEY", "SECRET"))), (
        "A secret is empty."
    )
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return settings


def recommended(gateway: httpx.Client, reader: str) -> dict[str, Any]:
    """A reader's recommendations through the gateway."""
    answer = gateway.get(f"/api/recommendations/user/{reader}", params={"limit": 20})
    assert answer.status_code == 200, f"{answer.status_code} {answer.text[:500]}"
    body: dict[str, Any] = answer.json()
    return body


def books_of(answer: dict[str, Any]) -> list[str]:
    """The books, best first."""
    return [item["book_id"] for item in answer["items"]]


def report_rating(gateway: httpx.Client, event: str) -> httpx.Response:
    """Rate a book as somebody else."""
    rating = {"user_id": "walk-somebody", "book_id": "the-hobbit", "kind": "rating", "value": 5}
    return gateway.post("/api/events", json=rating | {"event_id": event})


def check_gateway(gateway: httpx.Client) -> None:
    """Headers, what is not shown, and the limits of size and rate."""
    answer = gateway.get("/readyz")
    assert answer.headers["server"] == "nginx", f"The gateway tells its version: {answer.headers['server']}"
    for header in ("x-content-type-options", "x-frame-options", "referrer-policy", "content-security-policy"):
        assert header in answer.headers, f"{header} is missing"
    assert gateway.get("/metrics").status_code == 404, "The gateway shows /metrics."
    large = gateway.post(
        "/api/events", content=b"[" + b" " * 1_100_000 + b"]", headers={"content-type": "application/json"}
    )
    assert large.status_code == 413, f"A body of 1.1 MB is answered with {large.status_code}"
    assert large.headers["content-type"] == "application/problem+json", large.headers["content-type"]

    statuses: Counter[int] = Counter()

    def flood() -> None:
        with httpx.Client(base_url=gateway.base_url, timeout=15) as client:
            while statuses.total() < 4000 and not statuses[429]:
                statuses[client.get("/healthz").status_code] += 1

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses[429] > 0, f"Nothing was held back: {dict(statuses)}"
    assert set(statuses) == {200, 429}, f"Under a flood: {dict(statuses)}"


def come_up(project: Project, gateway: httpx.Client) -> None:
    """Start everything; nothing is published yet."""
    project.compose("up", "--detach", "--no-build", quiet=True)
    for service in project.running():
        wanted = "exited" if service == "airflow-init" else "healthy"
        eventually(partial(project.is_in, service, wanted), 300, f"{service} is {wanted}")
    assert gateway.get("/healthz").status_code == 200
    assert gateway.get("/readyz").status_code == 503, "Ready before anything was published."


def first_night(gateway: httpx.Client, airflow: Airflow) -> dict[str, Any]:
    """Run a night and return what a reader is recommended then."""
    airflow.run(NIGHT)
    eventually(lambda: gateway.get("/readyz").status_code == 200, 30, "a generation is served")
    answer = recommended(gateway, READER)
    assert answer["strategy"] in PERSONAL, f"{READER} gets {answer['strategy']}"
    assert not answer["degraded"], answer
    print(f"  {READER}: {answer['strategy']}, {', '.join(books_of(answer)[:3])}", flush=True)
    return answer


def lose_a_replica(project: Project, gateway: httpx.Client) -> None:
    """Kill one replica under load: no request fails. Bring it back."""
    load = Load(str(gateway.base_url))
    with load.under_way():
        load.wait_for(60)
        project.compose("kill", "api-1", quiet=True)
        load.wait_for(200)
    print(f"  {dict(load.answers)}", flush=True)
    assert set(load.answers) == {"200"}, f"Failed requests: {dict(load.answers)}"
    project.compose("up", "--detach", "--no-build", "api-1", quiet=True)
    eventually(lambda: project.is_in("api-1", "healthy"), 120, "api-1 is healthy again")


def lose_valkey(project: Project, gateway: httpx.Client, before: dict[str, Any]) -> None:
    """Stop Valkey: readers are answered all the same. Start it: everything is as before."""
    project.compose("stop", "valkey", quiet=True)
    for turn in range(10):
        refused = report_rating(gateway, f"walk-lost-{turn}")
        assert refused.status_code == 503, f"An event without Valkey is answered with {refused.status_code}"
        assert recommended(gateway, READER)["degraded"], "Not degraded without Valkey."
    project.compose("start", "valkey", quiet=True)
    eventually(lambda: report_rating(gateway, "walk-kept").status_code == 200, 60, "events are taken again")
    eventually(
        lambda: not any(recommended(gateway, READER)["degraded"] for _ in range(10)), 60, "both replicas have recovered"
    )
    assert books_of(recommended(gateway, READER)) == books_of(before), "Valkey's restart has changed the list."


def second_night(project: Project, gateway: httpx.Client, airflow: Airflow, before: dict[str, Any]) -> None:
    """New ratings in the shop's database, another night: lists change, and a new user is known."""
    assert recommended(gateway, NEW_READER)["strategy"] == "popular", "The new user is known before the second night."
    liked = books_of(before)[:5]
    rows = ", ".join(f"('{reader}', '{book}', 5)" for reader in (READER, NEW_READER) for book in liked)
    project.compose(
        *("exec", "-T", "postgres", "psql", "--username", "postgres", "--dbname", "shop", "--set", "ON_ERROR_STOP=1"),
        *("--command", f"INSERT INTO shop.ratings (reader_id, book_id, stars) VALUES {rows}"),
        quiet=True,
    )
    airflow.run(NIGHT)
    eventually(
        lambda: all(recommended(gateway, READER)["generation"] != before["generation"] for _ in range(6)),
        60,
        "both replicas serve the second generation",
    )
    after = recommended(gateway, READER)
    assert books_of(after) != books_of(before), f"The list of {READER} did not change."
    assert not set(books_of(after)) & set(liked), f"{READER} is offered books rated meanwhile."
    assert after["strategy"] in PERSONAL, after["strategy"]
    cold_start_user = recommended(gateway, NEW_READER)
    assert cold_start_user["strategy"] != "popular", "The new user's ratings had no effect."
    print(f"  {READER}: {', '.join(books_of(after)[:3])}; the new user: {cold_start_user['strategy']}", flush=True)


def walk(project: Project, settings: dict[str, str]) -> None:
    """All steps; an AssertionError says which did not hold."""
    gateway = httpx.Client(base_url=f"http://127.0.0.1:{settings['NIGHTSHELF_PORT']}", timeout=15)
    step("everything comes up and is healthy")
    come_up(project, gateway)
    step("the API carries nothing of the night")
    code = f"import importlib.util, sys; sys.exit(any(map(importlib.util.find_spec, {OF_THE_NIGHT})))"
    project.compose("exec", "-T", "api-1", "python", "-c", code, quiet=True)
    step("the shop's database is seeded")
    print(f"  {project.compose('run', '--rm', 'seed', quiet=True).strip()}", flush=True)
    step("a night, triggered through Airflow's API")
    airflow = Airflow(settings)
    before = first_night(gateway, airflow)
    step("one replica is killed under load")
    lose_a_replica(project, gateway)
    step("Valkey is stopped and started again")
    lose_valkey(project, gateway, before)
    step("a second night, with new ratings in the shop")
    second_night(project, gateway, airflow, before)
    step("limits and headers of the gateway")
    check_gateway(gateway)


def main() -> int:
    """Build, walk, and take everything down again."""
    stock = os.environ.get("COMPOSE_TEST_STOCK_IMAGES") == "1"
    docker = shutil.which("docker") or sys.exit(
        "There is no `docker`; on Debian: apt-get install docker.io docker-compose"
    )
    engine = ensure_engine(docker)
    try:
        with tempfile.TemporaryDirectory(prefix="nightshelf-compose-") as folder:
            environment_file = Path(folder) / "env"
            settings = write_environment(environment_file, stock=stock)
            project = Project(docker, NAME, environment_file)
            project.compose("down", "--volumes", "--remove-orphans", quiet=True)
            try:
                if not stock:
                    step("bases and wheels")
                    make_bases.make(docker)
                    wheelhouse.fill()
                step("images")
                project.build()
                walk(project, settings)
            except AssertionError as error:
                print(f"FAILED: {error}", flush=True)
                return 1
            finally:
                project.keep_logs(LOG)
                print(f"What the containers said is in {LOG.relative_to(PROJECT)}.", flush=True)
                project.compose("down", "--volumes", "--remove-orphans", "--timeout", "5", quiet=True, check=False)
    finally:
        if engine is not None:
            engine.terminate()
            engine.wait()
    print("Everything held.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
