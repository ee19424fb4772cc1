"""Make `before_renames.tar.gz`: a data folder, its Redis and its answers, as a version before the renames left them.

Run it with a checkout of that version (commit d535241) in front of everything else on the path:

    cd OLD && PYTHONPATH=OLD python NEW/tests/upgrade/make_old_folder.py NEW/tests/upgrade

It imports the modules of the old checkout alone. The archive holds `data` (two generations, the second with a reranker
and tuned settings; two events in a file, one in the stream; the embedded Valkey's files), `source` (the tables) and
`answers.json` (what the old API answered from each generation). Vectors are short and follow from the text's hash.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from fastapi.testclient import TestClient
from services.batch.evaluate.bootstrap import Interval
from services.batch.progress import SILENT
from shared.generation import part_folder
from tests.integration.library import Library

from services.api.app import create_app
from services.batch import learn_ranker, night_parts
from services.batch import vector_store as vectors
from services.batch.evaluate import nightly_evaluation
from services.batch.publish import rollback
from services.batch.tune.record import Trial, TuningRecord, write_record
from services.embedded import embedded_valkey
from shared.layout import DataFolder
from shared.redis import connect_for_batch
from shared.settings import RankerSettings, RedisSettings

DIMENSIONS = 8
READERS = ("r000", "r001", "r002", "r003", "somebody-new")
PATHS = (
    *(f"/api/recommendations/user/{reader}?limit=20" for reader in READERS),
    "/api/popular?tribe=1",
    "/api/popular?limit=20",
)
TUNED = {"blend.kin_weight": 0.31, "blend.few_books_trend_weight": 0.7, "companions.distance_exponent": 0.3}
_CENTURY_OF_DAYS = 36_500  # an event posted once is a duplicate however old this archive is
_FIGURE = Interval(value=0.1, low=0.05, high=0.15)


class ShortVectors:
    """Unit vectors that only depend on the text."""

    model_key = "short"
    dimensions = DIMENSIONS
    max_tokens = 1_000_000

    def encode(self, texts, advance):
        """See `Embedder`."""
        seeds = [int.from_bytes(vectors.digest_of(text)[:8], "big") for text in texts]
        found = np.array([np.random.default_rng(seed).normal(size=DIMENSIONS) for seed in seeds], np.float32)
        advance(len(texts))
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def shuffle_times(library: Library) -> None:
    """Readers rate in turns and not one after the other, so that there is something to evaluate and to rank."""
    rated, times = list(library.world.stars), sorted(seconds for _, seconds in library.world.stars.values())
    random.Random(7).shuffle(rated)
    library.world.stars = {key: (library.world.stars[key][0], at) for key, at in zip(rated, times, strict=True)}


def tune(library: Library) -> None:
    """Leave what a search would."""
    trial = Trial(settings=TUNED, value=0.1, n_users=50, pruned=False, seconds=1.0)
    record = TuningRecord(
        created_at=datetime(2026, 11, 1, tzinfo=UTC), source="small world", snapshot=library.snapshot.id, minutes=1.0,
        seed=7, n_training_interactions=900, n_validation_interactions=100, n_unseen_interactions=100,
        n_search_users=50, n_check_users=50, left_out=["companions.half_life"], present=TUNED, found=TUNED,
        before=_FIGURE, after=_FIGURE, difference=_FIGURE, better=True, chosen=TUNED, trials=[trial],
    )  # fmt: skip
    write_record(library.folder, record)


def answers(library: Library) -> dict[str, object]:
    """Books and scores, each list as it was served, by path."""
    with TestClient(create_app(library.settings)) as client:
        found = {path: client.get(path).raise_for_status().json()["items"] for path in PATHS}
    return {path: [[item["book_id"], item.get("score")] for item in items] for path, items in found.items()}


def make(root: Path, out: Path) -> None:
    """Two nights, three events, and what is answered from either."""
    (root / "data").mkdir()
    with embedded_valkey(DataFolder(root / "data")) as url:
        client = connect_for_batch(url, RedisSettings())
        library = Library.founded(
            root, url, "ns", client,
            evaluation={"min_users": 10}, user_state={"event_id_days": _CENTURY_OF_DAYS},
            collaborative={"rank": 4, "list_length": 30}, content={"tribes": 4},
        )  # fmt: skip
        shuffle_times(library)
        first = library.night().generation_id
        library.report(("taken-in", "r000", "b05", "read", None), ("rated", "r001", "b06", "rating", 5.0))
        tune(library)
        library.world.rate("r000", "b01", 5)
        library.night(ranker=RankerSettings(enabled=True, windows=2, trees=20))
        second = library.pointer
        library.report(("in-the-stream", "r002", "b11", "purchase", None))
        assert (part_folder(library.folder, "ranker", library.manifest.parts["ranker"]) / "facts.npy").exists()
        assert first != second
        by_generation = {second: answers(library)}
        rollback(client, library.keys, library.folder, SILENT, to=first)
        by_generation[first] = answers(library)
        rollback(client, library.keys, library.folder, SILENT, to=second)
        state = {reader: [sorted(library.seen(reader)), library.recent(reader)] for reader in READERS}
        rest = {"first": first, "second": second, "state": state, "tuned": TUNED, "tuned_names": library.manifest.tuned}
        (root / "answers.json").write_text(json.dumps({"generations": by_generation, **rest}))
        client.close()
    keep = ("data", "source", "answers.json")
    with tarfile.open(out / "before_renames.tar.gz", "w:gz") as archive:
        for name in keep:
            archive.add(root / name, name, filter=_plain)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Neither sockets nor the makers' names."""
    if not (entry.isfile() or entry.isdir()) or entry.name.endswith((".lock", "lease", ".log")):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"
    night_parts.open_embedder = lambda _name, **_options: ShortVectors()
    nightly_evaluation._is_worse = lambda *_arguments: False
    learn_ranker._LEAST_LIKED = 20
    with tempfile.TemporaryDirectory(prefix="nightshelf-") as folder:
        make(Path(folder), Path(sys.argv[1]))
