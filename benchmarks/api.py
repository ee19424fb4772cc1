"""Compares the recommendation endpoint with a bare FastAPI route and a direct version in one run.

10,000 books, 2,000 users with a history of 100 books each, 100 candidates from each list, one uvicorn worker each,
16 connections, rounds alternating; medians over rounds. Vectors and lists are random.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import redis
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from load import Load, run_load
from services.batch.content.catalog import build_catalog
from services.batch.content.index import build_content
from services.batch.ingest.interactions import Interactions
from services.batch.models.popularity import build_popularity
from services.batch.publish.lists import write_lists
from services.batch.publish.manifest import write_manifest
from services.batch.runtime.artifact_builder import build_artifact
from services.batch.runtime.context import RunContext
from services.batch.runtime.progress import SILENT
from services.embedded import embedded_valkey
from shared.artifacts.generation import ArtifactKind, GenerationManifest
from shared.keys import Keys
from shared.layout import DataFolder
from shared.publication import flip, verify_generation
from shared.settings import Settings, load_settings

N_BOOKS, N_USERS, HISTORY, LIST_LENGTH, DIMENSIONS, RANK = 10_000, 2_000, 100, 100, 384, 64
CONNECTIONS, ROUNDS, SECONDS = 16, 5, 4.0
FACTORIES = {
    "bare": "api_apps:bare",
    "direct": "api_apps:direct",
    "nightshelf": "services.api.app:app_from_environment",
}


@dataclass
class World:
    """Random users: their books, oldest first, and their nightly lists."""

    users: list[str]
    history: NDArray[np.int64]
    lists: NDArray[np.int32]
    scores: NDArray[np.float32]


def made_up_books() -> pd.DataFrame:
    """The catalogue."""
    return pd.DataFrame(
        {
            "book_id": [f"b{number}" for number in range(N_BOOKS)],
            "title": [f"The Book of {number} Nights" for number in range(N_BOOKS)],
            "authors": [[f"Author {number % 2500}"] for number in range(N_BOOKS)],
            "year": 2000.0,
            "genres": [[f"genre {number % 20}"] for number in range(N_BOOKS)],
            "series": None,
            "series_position": np.nan,
            "description": None,
            "image_url": None,
            "isbns": [[] for _ in range(N_BOOKS)],
            "other_titles": [[] for _ in range(N_BOOKS)],
            "average_rating": np.nan,
            "n_ratings": np.nan,
            "active": True,
        }
    )


def build_world(folder: DataFolder, client: redis.Redis) -> Path:
    """Publish a generation, and the same content for the direct version; returns the content artifact."""
    rng = np.random.default_rng(7)
    settings = load_settings(data_dir=folder.root)
    books = made_up_books()
    vectors = rng.standard_normal((N_BOOKS, DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    world = World(
        users=[f"user-{user}" for user in range(N_USERS)],
        history=np.stack([rng.choice(N_BOOKS, HISTORY, replace=False) for _ in range(N_USERS)]),
        lists=np.stack([rng.choice(N_BOOKS, LIST_LENGTH, replace=False) for _ in range(N_USERS)]).astype(np.int32),
        scores=-np.sort(-rng.random((N_USERS, LIST_LENGTH), dtype=np.float32), axis=1),
    )
    build_artifact(folder, "catalog", "bench", lambda path: build_catalog(path, books))
    build_artifact(
        folder, "content", "bench",
        lambda path: build_content(path, vectors, books, settings.content, threads=2, progress=SILENT),
    )  # fmt: skip
    content = folder.artifacts / "content-bench"
    cluster_of = np.load(content / "cluster_of.npy")
    interactions = interactions_of(world)
    build_artifact(
        folder, "popularity", "bench",
        lambda path: build_popularity(path, books, interactions, cluster_of, settings.user_state),
    )  # fmt: skip
    build_artifact(folder, "collaborative", "bench", lambda path: save_collaborative(path, world, rng))
    write_lists(RunContext(settings, client=client), folder.artifacts / "collaborative-bench")
    write_user_state(client, Keys(), world)
    (folder.root / "books.json").write_text(
        json.dumps(books[["book_id", "title", "authors"]].to_dict(orient="records"))
    )
    publish(folder, client, settings)
    return content


def interactions_of(world: World) -> Interactions:
    """Every book of every history, rated 5."""
    table = {
        "user_id": np.repeat(world.users, HISTORY),
        "book_number": world.history.ravel().astype(np.int32),
        "kind": "rating",
        "value": 5.0,
        "time": np.arange(world.history.size, dtype=float),
    }
    return Interactions.from_table(pd.DataFrame(table))


def save_collaborative(
    path: Path, world: World, rng: np.random.Generator
) -> dict[str, str | int | float | bool | None]:
    """Write the files of a collaborative artifact; factors and item transitions are random."""
    for name in ("item_factors", "fold_in_factors"):
        np.save(path / f"{name}.npy", rng.standard_normal((N_BOOKS, RANK)).astype(np.float32))
    item_transitions = rng.integers(0, N_BOOKS, (N_BOOKS, 100), dtype=np.int32)
    np.save(path / "item_transitions.numbers.npy", item_transitions)
    np.save(path / "item_transitions.scores.npy", rng.random(item_transitions.shape, np.float32) + np.float32(0.01))
    np.save(path / "lists.numbers.npy", world.lists)
    np.save(path / "lists.scores.npy", world.scores)
    (path / "users.json").write_text(json.dumps(world.users))
    return {}


def write_user_state(client: redis.Redis, keys: Keys, world: World) -> None:
    """Write the user state for both versions."""
    pipeline = client.pipeline(transaction=False)
    rows = zip(world.users, world.history.tolist(), world.lists.tolist(), world.scores.tolist(), strict=True)
    for user, own, listed, listed_scores in rows:
        pipeline.sadd(keys.seen(user), *own)
        pipeline.zadd(keys.recent(user), {number: place for place, number in enumerate(own)})
        pipeline.set(f"direct:cf:{user}", json.dumps(list(zip(listed, listed_scores, strict=True))))
        pipeline.rpush(f"direct:recent:{user}", *reversed(own))
        pipeline.sadd(f"direct:seen:{user}", *own)
    pipeline.execute()


def publish(folder: DataFolder, client: redis.Redis, settings: Settings) -> None:
    """Serve the artifacts named `bench`."""
    artifacts: dict[ArtifactKind, str] = dict.fromkeys(("catalog", "content", "collaborative", "popularity"), "bench")
    manifest = GenerationManifest(
        id="bench", created_at=datetime.now(UTC), artifacts=artifacts, snapshot="bench", source="bench",
        simulated_readers=True,
        rating_scale="1-5", counts={"books": N_BOOKS, "users": N_USERS}, blend=settings.blend,
    )  # fmt: skip
    write_manifest(folder, manifest)
    verify_generation(client, Keys(), folder, "bench")
    flip(client, Keys(), folder, expected=None, to="bench")


def free_port() -> int:
    """A port that no other server uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(name: str, port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """One uvicorn worker with uvloop and httptools."""
    arguments = ["--factory", FACTORIES[name], "--port", str(port), "--no-access-log", "--log-level", "warning"]
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", *arguments, "--loop", "uvloop", "--http", "httptools"],
        env={**os.environ, **environment}, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/recommendations/user/user-0").read()
        except OSError:
            time.sleep(0.1)
        else:
            return server
    raise SystemExit(f"{name} did not start")


def main() -> None:
    """Measure and print."""
    console = Console()
    with tempfile.TemporaryDirectory() as root:
        folder = DataFolder(Path(root))
        with embedded_valkey(folder) as url:
            content = build_world(folder, redis.Redis.from_url(url))
            environment = {
                "NIGHTSHELF_REDIS_URL": url,
                "NIGHTSHELF_DATA_DIR": root,
                "BENCH_CONTENT": str(content),
                "BENCH_BOOKS": f"{root}/books.json",
                "PYTHONPATH": f"benchmarks{os.pathsep}.",
            }
            servers, ports = [], {}
            try:
                for name in FACTORIES:  # one at a time: a port is free until its server binds it
                    ports[name] = free_port()
                    servers.append(start(name, ports[name], environment))
                rounds = measure(console, ports)
            finally:
                for server in servers:
                    server.terminate()
                    server.wait()
    report(console, rounds)


def measure(console: Console, ports: dict[str, int]) -> dict[str, list[Load]]:
    """Alternating rounds after a warm-up."""
    paths = [f"/api/recommendations/user/user-{user}" for user in range(N_USERS)]
    rounds: dict[str, list[Load]] = {name: [] for name in ports}
    for name, port in ports.items():  # every user once, so that all are equally warm
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{paths[0]}") as answer:
            console.print(f"{name}: {len(answer.read())} bytes", highlight=False)
        for path in paths:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}").read()
    for turn in range(ROUNDS + 1):
        for name, port in ports.items():
            load = run_load("127.0.0.1", port, paths, n_connections=CONNECTIONS, seconds=SECONDS)
            if turn:
                rounds[name].append(load)
        console.print(f"round {turn} of {ROUNDS}" if turn else "warmed up", highlight=False)
    return rounds


def report(console: Console, rounds: dict[str, list[Load]]) -> None:
    """Medians and ratios."""
    table = Table(title=f"{CONNECTIONS} connections, median of {ROUNDS} rounds of {SECONDS:g} s")
    for column in ("", "requests/s", "p50 ms", "p99 ms", "p99/p50", "failed"):
        table.add_column(column, justify="right")
    rate = {}
    for name, loads in rounds.items():
        rate[name] = statistics.median(load.requests_per_second for load in loads)
        p50, p99 = (statistics.median(getattr(load, field) for load in loads) for field in ("p50_ms", "p99_ms"))
        failed = sum(load.n_failed for load in loads)
        table.add_row(name, f"{rate[name]:,.0f}", f"{p50:.2f}", f"{p99:.2f}", f"{p99 / p50:.1f}", str(failed))
    console.print(table)
    console.print(f"nightshelf / bare route:     {rate['nightshelf'] / rate['bare']:.2f} (target: at least 0.35)")
    console.print(f"nightshelf / direct version: {rate['nightshelf'] / rate['direct']:.1f} (target: at least 5)")


if __name__ == "__main__":
    main()
