"""The figures of docs/quality.md: what is served, ranked anew, beside all other systems, some tuned as it was.

    python benchmarks/quality.py goodbooks              on the test split
    python benchmarks/quality.py goodbooks --validate   on the split that everything was tuned on
    python benchmarks/quality.py goodbooks --search     there, under many settings of each single system

The last tenth of the rows is the test split. For validation it is left out altogether, and the tenth before it is
foreseen. Data comes from NIGHTSHELF_DATASETS. `--no-content` does without descriptions, which take minutes to embed.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from services.batch.evaluate.compare import compare
from services.batch.evaluate.evaluation import SplitFacts
from services.batch.evaluate.list_measures import genre_shares
from services.batch.evaluate.measured import BookFacts
from services.batch.evaluate.splits import Split, split_by_time
from services.batch.evaluate.systems.all_systems import all_systems
from services.batch.evaluate.systems.ease import Ease
from services.batch.evaluate.systems.factor_model import FactorModel
from services.batch.evaluate.systems.item_knn import ItemKnn
from services.batch.evaluate.systems.system import System
from services.batch.ingest import ingest
from services.batch.night_parts import NightParts
from services.batch.progress import SILENT
from services.batch.snapshot import Snapshot, current_snapshot
from services.batch.threads import bound_threads
from services.command_context import open_source
from shared.generation import part_folder
from shared.layout import DataFolder
from shared.settings import CollaborativeSettings, Settings, load_settings

DATASETS = Path(os.environ.get("NIGHTSHELF_DATASETS", "../shared/data"))
TEST_SHARE = 0.1
SHOWN = ("ndcg_at_10", "recall_at_20", "coverage_at_10")


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["goodbooks"])
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--no-content", action="store_true")
    parser.add_argument("--data-dir", type=Path, default=Path("data/quality"))
    wanted = parser.parse_args()
    settings = load_settings(data_dir=wanted.data_dir, ranker={"enabled": not wanted.search})
    snapshot = taken_in(settings)
    content = None if wanted.no_content else content_part(snapshot, settings)
    books, interactions = snapshot.load_books(), snapshot.load_interactions()
    split = split_of(books, interactions, settings, validate=wanted.validate or wanted.search)
    facts = BookFacts(
        None if content is None else np.load(content / "vectors.npy"), genre_shares(list(books["genres"]))
    )
    systems = all_systems(settings, content)
    if wanted.search:
        systems = [one for one in systems if one.name.startswith("served")] + searched()
    else:
        systems += tuned_alike()
    started = time.perf_counter()
    with bound_threads(settings.batch.threads) as threads:
        found = compare(
            "time", split, systems, facts, max_users=len(split.rows), seed=7, threads=threads, progress=SILENT
        )
    tell(found)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{len(systems)} systems in {time.perf_counter() - started:.0f} s on {threads} threads; at most {peak:.1f} GiB"
    )


def taken_in(settings: Settings) -> Snapshot:
    """The data as a snapshot."""
    folder = DataFolder(settings.data_dir)
    source = open_source(settings, str(DATASETS / "goodbooks-10k"))
    if source is None:
        raise SystemExit("There is nothing to take in.")
    ingest(folder, source, settings, redis=None, progress=SILENT)
    snapshot = current_snapshot(folder)
    if snapshot is None:
        raise SystemExit("Nothing was taken in.")
    return snapshot


def content_part(snapshot: Snapshot, settings: Settings) -> Path:
    """Its content part; descriptions are embedded the first time."""
    folder = DataFolder(settings.data_dir)
    return part_folder(folder, "content", NightParts(folder, snapshot, settings, SILENT).content())


def split_of(books: pd.DataFrame, interactions: pd.DataFrame, settings: Settings, *, validate: bool) -> Split:
    """The test split, or the same of what comes before it."""
    if not validate:
        return split_by_time(books, interactions, settings.user_state, test_share=TEST_SHARE)
    before = interactions.iloc[: int(len(interactions) * (1 - TEST_SHARE))].reset_index(drop=True)
    return split_by_time(books, before, settings.user_state, test_share=TEST_SHARE / (1 - TEST_SHARE))


def tuned_alike() -> list[System]:
    """Single systems with the history weighed by recency, as the served lists weigh it: the best of `searched`."""
    return [
        replace(Ease(history_decay=0.82), name="ease, recent books"),
        replace(ItemKnn(200, 0.82), name="item-knn, recent books"),
        replace(_als(128, 0.82), name="als, recent books"),
    ]


def searched() -> list[System]:
    """Single systems under all settings among which those of `tuned_alike` are the best on validation."""
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
    return FactorModel(f"als {rank} {decay}", settings)


def _svd(rank: int, exponent: float, decay: float) -> FactorModel:
    settings = CollaborativeSettings(
        rank=rank, user_exponent=exponent, book_exponent=exponent, history_decay=decay, history_books=1000
    )
    return FactorModel(f"svd {rank} {exponent} {decay}", settings)


def tell(found: SplitFacts) -> None:
    """One line for each system."""
    print(f"{found.title}: {found.n_users} users, {found.n_test_books} books to foresee")
    for name, system in found.systems.items():
        figures = [getattr(figure := system.figures[shown], "value", figure) for shown in SHOWN]
        ahead = system.served_minus.get("ndcg_at_10")
        less = "" if ahead is None else f"  served ahead by {ahead.value:.4f} ({ahead.low:.4f} to {ahead.high:.4f})"
        print(
            f"{name:22}" + "".join(f"  {shown} {value:.4f}" for shown, value in zip(SHOWN, figures, strict=True)) + less
        )


if __name__ == "__main__":
    main()
