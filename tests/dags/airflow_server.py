"""A real Airflow: scheduler with local executor, DAG processor and API server on loopback, and its REST API."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.dags.airflow_world import AIRFLOW, environment
from tests.servers.server import eventually, free_port

COMPONENTS = (["api-server"], ["dag-processor"], ["scheduler", "--skip-serve-logs"])
START_SECONDS = 300.0  # on a machine that may be busy


@dataclass(frozen=True)
class AirflowApi:
    """The REST API, logged in."""

    http: httpx.Client

    def ask(self, method: str, path: str, **body: object) -> Any:
        """One request; anything but success is an error."""
        answer = self.http.request(method, f"/api/v2{path}", json=body or None)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def wait_for(self, dag_id: str, run_id: str, result_of: str, seconds: float) -> dict[str, Any]:
        """The last state of a run, with what this task returned, once the run has ended."""
        path, asked = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/wait", {"interval": 1, "result": result_of}
        deadline = time.monotonic() + seconds
        with self.http.stream("GET", path, params=asked) as answer:
            assert answer.is_success, answer.status_code
            for line in answer.iter_lines():
                assert time.monotonic() < deadline, f"{run_id} has not ended within {seconds} seconds: {line}"
        state: dict[str, Any] = json.loads(line)
        return state


@contextmanager
def airflow_running(home: Path, **changes: str) -> Iterator[AirflowApi]:
    """Airflow in this (migrated) home folder, healthy, with the pool; stopped on leaving."""
    port, password = free_port(), secrets.token_hex(16)
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({"tester": password}))
    surroundings = environment(
        home,
        AIRFLOW__API__HOST="127.0.0.1",
        AIRFLOW__API__PORT=str(port),
        AIRFLOW__API__WORKERS="1",
        AIRFLOW__API__SECRET_KEY=secrets.token_hex(16),
        AIRFLOW__API_AUTH__JWT_SECRET=secrets.token_hex(32),
        AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"http://127.0.0.1:{port}/execution/",
        AIRFLOW__CORE__EXECUTOR="LocalExecutor",
        AIRFLOW__CORE__PARALLELISM="2",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS="tester:admin",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=str(passwords),
        **changes,
    )
    processes = []
    try:
        for component in COMPONENTS:
            with (home / f"{component[0]}.log").open("w") as log:
                processes.append(
                    subprocess.Popen(
                        [AIRFLOW, *component], env=surroundings, stdout=log, stderr=log, start_new_session=True
                    )
                )
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            eventually(lambda: _healthy(http, processes, home), START_SECONDS, f"healthy; see {home}")
            token = http.post("/auth/token", json={"username": "tester", "password": password}).raise_for_status()
            http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            api = AirflowApi(http)
            api.ask("POST", "/pools", name="nightshelf", slots=2)
            yield api
    finally:
        _stop(processes)


def _healthy(http: httpx.Client, processes: list[subprocess.Popen[bytes]], home: Path) -> bool:
    for process, component in zip(processes, COMPONENTS, strict=True):
        assert process.poll() is None, (home / f"{component[0]}.log").read_text()[-5000:]
    try:
        health = http.get("/api/v2/monitor/health").json()
    except httpx.TransportError:
        return False
    return all(health[name]["status"] == "healthy" for name in ("metadatabase", "scheduler", "dag_processor"))


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ask each to end, the scheduler first, then make sure of each one's group."""
    for process in reversed(processes):
        process.terminate()
    for process in reversed(processes):
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
