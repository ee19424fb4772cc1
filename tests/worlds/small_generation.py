"""A generation of six books in files written by hand: small enough to say what each reader of it must find."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import lightgbm
import numpy as np
import orjson
import redis
from numpy.typing import NDArray

from services.batch.runtime.artifact_builder import Metadata, build_artifact
from shared.artifacts.generation import ArtifactManifest, GenerationManifest, artifact_folder, read_artifact
from shared.keys import Keys
from shared.layout import DataFolder, write_durably
from shared.publication import lists_fingerprint
from shared.recommend.codec import pack
from shared.recommend.reranker import FEATURES
from shared.settings import BlendSettings

N_BOOKS = 6
USERS = ["ann", "bob"]
Content = NDArray[np.generic] | list[object] | dict[str, object] | bytes | None


def of_numbers(*rows: list[int]) -> NDArray[np.int32]:
    """Item indexes in rows."""
    return np.array(rows, np.int32)


def of_scores(*rows: list[float]) -> NDArray[np.float32]:
    """Scores in rows."""
    return np.array(rows, np.float32)


_RECORDS = [
    {"book_id": f"b{n}", "title": f"Book {n}", "series": "saga" if n < 3 else None, "series_position": n + 1}
    for n in range(N_BOOKS)
]
_LINES = [orjson.dumps(record) for record in _RECORDS]
FILES: Mapping[str, Content] = {
    "catalog/ids.json": [record["book_id"] for record in _RECORDS],
    "catalog/titles.json": [record["title"] for record in _RECORDS],
    "catalog/authors.json": [["Ann Pause"], [], [], ["Ann Pause"], [], []],
    "catalog/editions.npy": np.arange(N_BOOKS, dtype=np.int32),
    "catalog/active.npy": np.arange(N_BOOKS) != 5,
    "catalog/records.bin": b"".join(_LINES),
    "catalog/records.offsets.npy": np.cumsum([0, *map(len, _LINES)]),
    "content/content.numbers.npy": of_numbers([1, 2], [0, 2], [1, -1], [4, -1], [3, -1], [-1, -1]),
    "content/content.scores.npy": of_scores([0.9, 0.5], [0.9, 0.4], [0.4, 0], [0.7, 0], [0.7, 0], [0, 0]),
    "content/cluster_of.npy": np.array([0, 0, 0, 1, 1, -1], np.int32),
    "content/clusters.json": [{"cluster": 0, "name": "tides", "words": ["sea"], "n_books": 3}],
    "collaborative/item_factors.npy": of_scores([1, 0], [0.5, 0], [0, 0], [0, 1], [0, 0.5], [0, 0]),
    "collaborative/fold_in_factors.npy": of_scores([1, 0], [0.5, 0], [0, 0], [0, 1], [0, 0.5], [0, 0]),
    "collaborative/users.json": [*USERS],
    "collaborative/lists.numbers.npy": of_numbers([1, 0, 3], [4, -1, -1]),
    "collaborative/lists.scores.npy": of_scores([0.9, 0.8, 0.1], [0.5, 0, 0]),
    "popularity/n_ratings.npy": np.array([9, 4, 0, 3, 1, 0]),
    "popularity/average_rating.npy": of_scores([4.256, 3, np.nan, 5, 2, np.nan])[0],
    "popularity/bayesian_average.npy": of_scores([4.1, 3.2, 3.5, 4, 3.3, 3.5])[0],
    "popularity/popular.json": {"overall": [0, 3, 1], "genres": {"tides": [0, 1]}, "clusters": {"0": [0], "1": [3]}},
}


@cache
def reranker_files() -> Mapping[str, Content]:
    """The files of a reranker for these books, which likes whatever has large features."""
    features = np.arange(40, dtype=np.float32)[:, None].repeat(len(FEATURES), axis=1)
    data = lightgbm.Dataset(features, np.arange(40) >= 20)
    options = {"objective": "binary", "num_threads": 1, "verbose": -1, "min_data_in_leaf": 5}
    return {
        "model.txt": lightgbm.train(options, data, 2).model_to_string().encode(),
        "metadata.npy": np.ones((N_BOOKS, 6), np.float32),
        "groups.npy": np.zeros((N_BOOKS, 2), np.int32),
    }


def write_generation(
    folder: DataFolder, generation_id: str, changed: Mapping[str, Content] | None = None, **metadata: Metadata
) -> GenerationManifest:
    """Write a generation; artifacts without a changed file or metadata are those of every such generation.

    Args:
        folder: where to.
        generation_id: also the id of the artifacts that differ.
        changed: other contents of files, named `<kind>/<file>`; `None` leaves a file out.
        metadata: of an artifact, by kind.
    """
    files = {**FILES, **(changed or {})}
    kinds = {name.partition("/")[0] for name in files}
    differing = {name.partition("/")[0] for name in changed or ()} | metadata.keys()
    artifacts = {kind: generation_id if kind in differing else "plain" for kind in kinds}
    for kind, artifact in artifacts.items():

        def build(path: Path, kind: str = kind) -> Metadata:
            for name, content in files.items():
                if name.startswith(f"{kind}/"):
                    _write(path / name.partition("/")[2], content)
            return metadata.get(kind, {})

        build_artifact(folder, kind, artifact, build)
    manifest = GenerationManifest(
        id=generation_id,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        artifacts=artifacts,
        snapshot="s",
        source="by hand",
        simulated_readers=False,
        rating_scale="1-5",
        counts={},
        blend=BlendSettings(),
    )
    write_durably(folder.generations / f"{generation_id}.json", manifest.model_dump_json().encode())
    return manifest


def write_lists(client: redis.Redis, keys: Keys, folder: DataFolder, manifest: GenerationManifest) -> ArtifactManifest:
    """Write the lists of a generation's collaborative artifact to Redis, as publishing does."""
    artifact = manifest.artifacts["collaborative"]
    path = artifact_folder(folder, "collaborative", artifact)
    rows = zip(np.load(path / "lists.numbers.npy"), np.load(path / "lists.scores.npy"), strict=True)
    for user, (numbers, scores) in zip(orjson.loads((path / "users.json").read_bytes()), rows, strict=True):
        client.set(keys.collaborative_list(artifact, user), pack(numbers[numbers >= 0], scores[numbers >= 0]))
    collaborative = read_artifact(path)
    client.set(keys.collaborative_complete(artifact), lists_fingerprint(collaborative))
    return collaborative


def _write(path: Path, content: Content) -> None:
    if isinstance(content, np.ndarray):
        np.save(path, content)
    elif content is not None:
        path.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
