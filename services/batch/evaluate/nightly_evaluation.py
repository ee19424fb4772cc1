"""The evaluation artifact: metrics of the served pipeline on the night's data, for the gate and for people.

The configured model is trained on the training part of a split and tested on the other part. The order of the
interactions chooses the split: see `services.batch.metrics.splits.split_by_order`. Files, in a folder made by the
caller:

- `metrics.json`: see `NightlyMetrics`.
- `split.json`: all metrics of the same systems, see `services.batch.evaluate.evaluation`.
- `users.json`: ids of the scored users, in row order.
- `ndcg_at_10.npy`, `recall_at_10.npy`: float32, (n_users,), of the served pipeline; `collaborative_ndcg_at_10.npy`,
  `content_ndcg_at_10.npy` and `item_transitions_ndcg_at_10.npy` of its candidate sources alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.sparse import csr_matrix

from services.batch.evaluate.baselines.popularity import MostPopular
from services.batch.evaluate.baselines.served import TITLES, Served
from services.batch.evaluate.compare import compare_lists, settings_of
from services.batch.evaluate.evaluation import RecommenderResult
from services.batch.evaluate.evaluation import SplitResult as EvaluationSplit
from services.batch.evaluate.metric_registry import LONGEST, BookMetadata
from services.batch.ingest.interactions import Interactions
from services.batch.metrics.beyond_accuracy import genre_shares
from services.batch.metrics.bootstrap import Interval, mean_intervals, paired_difference
from services.batch.metrics.ranking import hit_rate_at, ndcg_at, recall_at, reciprocal_rank_at
from services.batch.metrics.splits import SPLIT_OF_ORDER, Split, split_by_order
from services.batch.models.factors import fit_factors
from services.batch.pipeline.served_pipeline import ServedPipeline, candidate_generator, popular_books
from services.batch.pipeline.train_reranker import train_reranker
from services.batch.runtime.artifact_builder import Metadata
from services.batch.runtime.context import RunContext
from services.batch.runtime.progress import Progress
from services.batch.runtime.threads import bound_threads
from shared.artifacts.content import ContentNeighbors
from shared.deprecated import RECOMMENDERS, renamed
from shared.recommend.candidates import CandidateGenerator
from shared.recommend.neighbor_table import NO_CANDIDATES
from shared.settings import EvaluationSettings, RerankerSettings, Settings

K = 10
Scores: TypeAlias = dict[str, NDArray[np.float64]]  # of each test user, by metric
_NAMES = {  # names as in a whole evaluation
    "blend": "served-blend",
    "collaborative": "served-collaborative",
    "content": "served-content",
    "item_transitions": "served-item_transitions",
}
METRICS = {
    "ndcg_at_10": ndcg_at,
    "recall_at_10": recall_at,
    "reciprocal_rank_at_10": reciprocal_rank_at,
    "hit_rate_at_10": hit_rate_at,
}
MEASURED_ALONE = ("collaborative", "content", "item_transitions")
SYSTEMS = ("served", *MEASURED_ALONE, "popularity")
# Metrics stored per user for the gate: system and metric by file name.
KEPT = {
    "ndcg_at_10": ("served", "ndcg_at_10"),
    "recall_at_10": ("served", "recall_at_10"),
    **{f"{source}_ndcg_at_10": (source, "ndcg_at_10") for source in MEASURED_ALONE},
}


class SplitResult(BaseModel):
    """The split and the number of interactions in each part."""

    model_config = ConfigDict(frozen=True)
    name: str
    n_training_interactions: int
    n_test_interactions: int
    n_test_users: int


class DataFacts(BaseModel):
    """The source of the data and its size: active books, users, interactions."""

    model_config = ConfigDict(frozen=True)
    source: str
    books: int
    users: int
    interactions: int


class NightlyMetrics(BaseModel):
    """`metrics.json`.

    Attributes:
        comparable: whether there were enough users for meaningful figures.
        reason: why not.
        n_users: test users scored.
        split: the split.
        data: the size of the snapshot.
        systems: figures by system and metric, empty if no user was scored: `served`, its candidate sources
            `collaborative`, `content` and `item_transitions` alone, and `popularity`; with a reranker also `blend`, the
            same without it.
    """

    model_config = ConfigDict(frozen=True)
    format: Literal[1] = 1
    comparable: bool
    reason: str | None
    n_users: int
    split: SplitResult
    data: DataFacts
    systems: dict[str, dict[str, Interval]]


def build_evaluation(
    folder: Path,
    books: pd.DataFrame,
    interactions: Interactions,
    source: str,
    content_artifact: Path,
    context: RunContext,
) -> Metadata:
    """Score the served pipeline and popularity, write the files above into `folder`, return the main figures.

    Args:
        folder: an empty folder.
        books: the snapshot's books.
        interactions: the snapshot's interactions, oldest first.
        source: name of the source.
        content_artifact: the folder of its content artifact.
        context: of the run.

    Raises:
        ArtifactError: factors are not finite.
        ModelError: the library of the factor model or the reranker is missing.
    """
    settings, chosen = context.settings, context.settings.evaluation
    whole = split_by_order(books, interactions, settings.user_state, test_share=chosen.test_share, seed=chosen.seed)
    split = whole.sample(chosen.max_users, seed=chosen.seed)
    of_users = {name: {metric: np.zeros(0) for metric in METRICS} for name in SYSTEMS}
    if len(split.rows):
        with bound_threads(context.threads) as threads:
            lists = _lists(split, content_artifact, settings, threads, context.progress)
            measured = _everything(whole, split, lists, books, content_artifact, settings)
        (folder / "split.json").write_bytes(measured.model_dump_json(indent=1).encode())
        of_users = {name: _scored(ranked, split.relevant) for name, ranked in lists.items()}
    data = DataFacts(
        source=source,
        books=int(split.training.active.sum()),
        users=interactions.n_users,
        interactions=len(interactions),
    )
    metrics = _metrics(whole, split, of_users, data, chosen)
    (folder / "metrics.json").write_bytes(metrics.model_dump_json(indent=2).encode())
    (folder / "users.json").write_bytes(orjson.dumps(split.users.tolist()))
    for file, (system, metric) in KEPT.items():
        np.save(folder / f"{file}.npy", of_users[system][metric].astype(np.float32))
    values = {
        f"{system}_{metric}": round(figure.value, 5)
        for system, figures in metrics.systems.items()
        for metric, figure in figures.items()
    }
    return {"n_users": metrics.n_users, "comparable": metrics.comparable, "ranked": "blend" in of_users, **values}


def read_split(folder: Path) -> EvaluationSplit | None:
    """`split.json` of an evaluation artifact; `None` if the artifact has none."""
    file = folder / "split.json"
    if not file.exists():
        return None
    split = EvaluationSplit.model_validate_json(file.read_bytes())
    return split.model_copy(update={"systems": renamed(split.systems, RECOMMENDERS)})


def read_metrics(folder: Path) -> NightlyMetrics:
    """`metrics.json` of an evaluation artifact."""
    raw = orjson.loads((folder / "metrics.json").read_bytes())
    return NightlyMetrics.model_validate(raw | {"systems": renamed(raw["systems"], RECOMMENDERS)})


def _lists(
    split: Split, content_artifact: Path, settings: Settings, n_threads: int, progress: Progress
) -> dict[str, NDArray[np.int32]]:
    """The lists of each system for the test users.

    A reranker that is significantly worse than its blend is not served, so it is not measured.
    """
    training = split.training
    factors = fit_factors(
        settings.collaborative, training.positive_interactions, training.histories, threads=n_threads, progress=progress
    )
    content = ContentNeighbors.open(content_artifact, training.work_id)
    maker = candidate_generator(training, content, settings, progress=progress)
    pipeline = partial(ServedPipeline, training, list_length=settings.collaborative.list_length, threads=n_threads)
    spread = popular_books(training, content.cluster_of)
    reranker = train_reranker(training, content, settings, threads=n_threads, progress=progress)
    nothing = CandidateGenerator(None, None, None, NO_CANDIDATES, settings.blend)
    with progress.task("Evaluating", len(SYSTEMS)) as advance:
        lists = {}
        if reranker is not None:
            lists["served"] = pipeline(factors, maker, spread, reranker=reranker).rank(split.rows, LONGEST)
        for name, pieces in {
            "served" if reranker is None else "blend": (factors, maker, spread),
            "collaborative": (factors, nothing, None),
            "content": (None, replace(nothing, content=content), None),
            "item_transitions": (None, replace(nothing, item_transitions=maker.item_transitions), None),
        }.items():
            lists[name] = pipeline(*pieces).rank(split.rows, LONGEST)
            advance(1)
        popular = MostPopular().fit(training, threads=n_threads, progress=progress)
        lists["popularity"] = popular.rank(split.rows, LONGEST)
        if "blend" in lists and _is_worse(lists["served"], lists["blend"], split, settings.evaluation.seed):
            lists["served"] = lists.pop("blend")
        advance(1)
    return lists


def _is_worse(ranked: NDArray[np.int32], blended: NDArray[np.int32], split: Split, seed: int) -> bool:
    after, before = (ndcg_at(lists, split.relevant, K) for lists in (ranked, blended))
    return paired_difference(after, before, seed=seed).high < 0


def _everything(
    whole: Split,
    split: Split,
    lists: dict[str, NDArray[np.int32]],
    books: pd.DataFrame,
    content_artifact: Path,
    settings: Settings,
) -> EvaluationSplit:
    """All metrics of a whole evaluation, for these lists."""
    vectors = np.load(content_artifact / "vectors.npy", mmap_mode="r")
    metadata = BookMetadata(np.asarray(vectors), genre_shares(books["genres"].tolist()))
    named = {_NAMES.get(name, name): ranked for name, ranked in lists.items()}
    if "blend" not in lists:
        settings = settings.model_copy(update={"reranker": RerankerSettings()})
    descriptions = {name: RecommenderResult(title=TITLES.get(name, MostPopular.title), settings={}) for name in named}
    chosen = settings_of(Served("served", settings, content_artifact))
    descriptions["served"] = RecommenderResult(title=TITLES["served"], settings=chosen)
    kind = SPLIT_OF_ORDER[split.training.interactions.order]
    return compare_lists(kind, whole, split, named, descriptions, metadata, seed=settings.evaluation.seed)


def _metrics(
    whole: Split, split: Split, of_users: dict[str, Scores], data: DataFacts, chosen: EvaluationSettings
) -> NightlyMetrics:
    n_users = len(split.rows)
    return NightlyMetrics(
        comparable=n_users >= chosen.min_users,
        reason=None if n_users >= chosen.min_users else _too_few(whole, n_users, chosen.min_users),
        n_users=n_users,
        split=SplitResult(
            name=split.name,
            n_training_interactions=len(split.training.interactions),
            n_test_interactions=split.n_test_interactions,
            n_test_users=len(whole.rows),
        ),
        data=data,
        systems={name: _figures(by_metric, chosen.seed) for name, by_metric in of_users.items()},
    )


def _scored(ranked: NDArray[np.int32], relevant: csr_matrix) -> Scores:
    return {name: metric(ranked, relevant, K) for name, metric in METRICS.items()}


def _figures(by_metric: Scores, seed: int) -> dict[str, Interval]:
    if not len(by_metric["ndcg_at_10"]):
        return {}
    return dict(zip(by_metric, mean_intervals(np.stack(list(by_metric.values()), axis=1), seed=seed), strict=True))


def _too_few(split: Split, n_users: int, min_users: int) -> str:
    if not len(split.training.interactions) and not split.n_test_interactions:
        return "There are no interactions yet, so nothing can be measured. Readers get popular books and search."
    return (
        f"Only {n_users} {'user' if n_users == 1 else 'users'} with a history like a new book in the {split.name}; "
        f"{min_users} are needed for a comparison."
    )
