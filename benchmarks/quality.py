"""The figures of docs/quality.md: the served pipeline, reranked, and all baselines.

    python benchmarks/quality.py goodbooks              on the test split
    python benchmarks/quality.py goodbooks --validate   on the split that everything was tuned on
    python benchmarks/quality.py goodbooks --search     there, with many settings of each single system
    python benchmarks/quality.py goodbooks --steps      there, from a bare factor model to the served pipeline
    python benchmarks/quality.py amazon --steps         the same for Amazon-Book, under benchmarks/amazon-book.env

The last tenth of the rows is the test split. Validation drops it and predicts the tenth before it. Data comes from
NIGHTSHELF_DATASETS. `--no-content` skips descriptions, which take minutes to embed.
"""

from __future__ import annotations

import argparse
import gzip
import os
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from services.batch.evaluate.baselines.ease import Ease
from services.batch.evaluate.baselines.factor_model import FactorModel
from services.batch.evaluate.baselines.item_knn import ItemKnn
from services.batch.evaluate.baselines.recommender import Recommender
from services.batch.evaluate.baselines.registry import all_recommenders
from services.batch.evaluate.baselines.served import Served
from services.batch.evaluate.compare import compare
from services.batch.evaluate.evaluation import SplitResult
from services.batch.evaluate.metric_registry import BookMetadata
from services.batch.ingest.ingest import ingest
from services.batch.ingest.interactions import Interactions
from services.batch.ingest.snapshot import Snapshot, current_snapshot
from services.batch.metrics.beyond_accuracy import genre_shares
from services.batch.metrics.published_split import read_given_split
from services.batch.metrics.splits import Split, split_by_time
from services.batch.night.artifacts import ArtifactBuilder
from services.batch.runtime.context import RunContext
from services.batch.runtime.threads import n_threads
from services.cli.options import open_source
from shared.layout import DataFolder
from shared.settings import CollaborativeSettings, Group, RerankerSettings, Settings, load_settings

DATASETS = Path(os.environ.get("NIGHTSHELF_DATASETS", "../shared/data"))
TEST_SHARE = 0.1
SHOWN = {
    "goodbooks": ("ndcg_at_10", "recall_at_20", "coverage_at_10"),
    "amazon": ("recall_at_20", "ndcg_at_20", "coverage_at_10"),
}
AMAZON_SHARE, AMAZON_USERS = 0.2, 3000


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=list(SHOWN))
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--no-content", action="store_true")
    parser.add_argument("--data-dir", type=Path, default=Path("data/quality"))
    wanted = parser.parse_args()
    settings = load_settings(data_dir=wanted.data_dir, reranker={"enabled": not wanted.search})
    if wanted.what == "amazon":
        split = amazon_split(settings)
        metadata = BookMetadata(None, genre_shares(split.training.books["genres"].tolist()))
        report(split, amazon_steps(settings), metadata, settings, SHOWN["amazon"], max_users=AMAZON_USERS)
        return
    snapshot = taken_in(settings)
    content = None if wanted.no_content else content_artifact(snapshot, settings)
    books, interactions = snapshot.load_books(), snapshot.interactions
    split = split_of(books, interactions, settings, validate=wanted.validate or wanted.search or wanted.steps)
    metadata = BookMetadata(
        None if content is None else np.load(content / "vectors.npy"), genre_shares(list(books["genres"]))
    )
    systems = all_recommenders(settings, content)
    if wanted.search:
        systems = [one for one in systems if one.name.startswith("served")] + searched()
    elif wanted.steps:
        systems = steps(settings, content)
    else:
        systems += tuned_alike()
    report(split, systems, metadata, settings, SHOWN["goodbooks"], max_users=len(split.rows))


def report(
    split: Split,
    systems: list[Recommender],
    metadata: BookMetadata,
    settings: Settings,
    shown: tuple[str, ...],
    *,
    max_users: int,
) -> None:
    """Compare, and print the figures, the time and the peak memory."""
    started = time.perf_counter()
    found = compare("time", split, systems, metadata, RunContext(settings), max_users=max_users)
    tell(found, shown)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds, threads = time.perf_counter() - started, n_threads(settings.batch.threads)
    print(f"{len(systems)} systems in {seconds:.0f} s on {threads} threads; at most {peak:.1f} GiB")


def taken_in(settings: Settings) -> Snapshot:
    """The data as a snapshot."""
    folder = DataFolder(settings.data_dir)
    source = open_source(settings, str(DATASETS / "goodbooks-10k"))
    if source is None:
        raise SystemExit("There is nothing to ingest.")
    ingest(RunContext(settings), source)
    snapshot = current_snapshot(folder)
    if snapshot is None:
        raise SystemExit("Nothing was ingested.")
    return snapshot


def content_artifact(snapshot: Snapshot, settings: Settings) -> Path:
    """The content artifact. The first call embeds the descriptions."""
    return ArtifactBuilder(RunContext(settings), snapshot).folder_of("content")


def split_of(books: pd.DataFrame, interactions: Interactions, settings: Settings, *, validate: bool) -> Split:
    """The test split, or the split before it."""
    if not validate:
        return split_by_time(books, interactions, settings.user_state, test_share=TEST_SHARE)
    before = interactions.take(slice(int(len(interactions) * (1 - TEST_SHARE))))
    return split_by_time(books, before, settings.user_state, test_share=TEST_SHARE / (1 - TEST_SHARE))


def tuned_alike() -> list[Recommender]:
    """Single systems with recency-weighted histories, like the served lists: the best of `searched`."""
    return [
        replace(Ease(history_decay=0.82), name="ease, recent books"),
        replace(ItemKnn(200, 0.82), name="item-knn, recent books"),
        replace(_als(128, 0.82), name="als, recent books"),
    ]


def searched() -> list[Recommender]:
    """Single systems under all settings that `--search` compares on validation."""
    decays = (0.7, 0.82, 0.9, 0.95, 1.0)
    return [
        *(
            replace(Ease(weight, decay), name=f"ease {weight:g} {decay}")
            for weight in (60.0, 250.0)
            for decay in decays
        ),
        *(ItemKnn(n, decay, f"item-knn {n} {decay}") for n in (50, 200) for decay in (*decays, None)),
        *(_als(rank, decay) for rank in (64, 128) for decay in decays),
        *(_svd(rank, exponent, decay) for rank in (64, 128) for exponent in (0.2, 0.3, 0.4) for decay in decays),
    ]


def _als(rank: int, decay: float) -> FactorModel:
    settings = CollaborativeSettings(algorithm="als", rank=rank, history_decay=decay)
    return FactorModel(f"als {rank} {decay}", "ALS (implicit)", settings)


def _svd(rank: int, exponent: float, decay: float) -> FactorModel:
    settings = CollaborativeSettings(
        rank=rank, user_exponent=exponent, book_exponent=exponent, history_decay=decay, history_books=1000
    )
    return FactorModel(f"svd {rank} {exponent} {decay}", "Scaled SVD", settings)


def steps(settings: Settings, content: Path | None) -> list[Recommender]:
    """The served pipeline first, then its predecessors step by step."""
    ageless = settings.item_transitions.model_copy(update={"half_life": None})
    short = settings.blend.model_copy(update={"item_transitions_recent_books": 20, "item_transitions_decay": 0.85})
    return [
        Served("served", settings, content),
        _svd(64, 0.2, 1.0),
        _svd(128, 0.3, 0.82),
        Served(
            "item transitions, all ages alike, last 20 books",
            _with(settings, item_transitions=ageless, blend=short),
            None,
            "item_transitions",
        ),
        Served("… newer likes counting more", _with(settings, blend=short), None, "item_transitions"),
        Served("… last 60 books", settings, None, "item_transitions"),
        Served("blend", _with(settings, reranker=RerankerSettings()), content),
    ]


def _with(settings: Settings, **groups: Group) -> Settings:
    return settings.model_copy(update=groups)


def amazon_split(settings: Settings) -> Split:
    """Hold out a random fifth of each line of the training file."""
    chance = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "four fifths", Path(folder) / "a fifth"
        with gzip.open(DATASETS / "amazon-book-kgat" / "train.txt.gz", "rt") as file:
            lines = [line.split() for line in file]
        with files[0].open("w") as kept, files[1].open("w") as held_out:
            for user, *books in lines:
                drawn = chance.permutation(books) if books else np.empty(0, np.str_)
                n_out = int(len(books) * AMAZON_SHARE)
                kept.write(" ".join([user, *drawn[n_out:]]) + "\n")
                held_out.write(" ".join([user, *drawn[:n_out]]) + "\n")
        return read_given_split(*files, settings.user_state, "none")


def amazon_steps(settings: Settings) -> list[Recommender]:
    """The served pipeline and its parts."""
    off = _with(settings, reranker=RerankerSettings())
    return [
        Served("served", off, None),
        *(Served(one, off, None, one) for one in ("collaborative", "item_transitions")),
    ]


def tell(found: SplitResult, shown: tuple[str, ...]) -> None:
    """One line for each system."""
    print(f"{found.title}: {found.n_users} users, {found.n_test_books} books to predict")
    for title, system in found.systems.items():
        figures = [getattr(figure := system.figures[name], "value", figure) for name in shown]
        ahead = system.served_minus.get(shown[0])
        less = "" if ahead is None else f"  served ahead by {ahead.value:.4f} ({ahead.low:.4f} to {ahead.high:.4f})"
        print(
            f"{title:22}" + "".join(f"  {name} {value:.4f}" for name, value in zip(shown, figures, strict=True)) + less
        )


if __name__ == "__main__":
    main()
