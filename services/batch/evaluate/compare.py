"""Comparison of recommenders: each trains on the training part of a split; all are scored on the same test users."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass

import numpy as np
from numpy.typing import NDArray

from services.batch.evaluate.baselines.recommender import Recommender
from services.batch.evaluate.evaluation import RecommenderResult, Setting, SplitResult
from services.batch.evaluate.groups import activity_groups, popularity_groups
from services.batch.evaluate.metric_registry import (
    LONGEST,
    BookMetadata,
    accuracy_of_users,
    lists_of_all,
    lists_of_users,
)
from services.batch.metrics.bootstrap import Interval, mean_interval, mean_intervals
from services.batch.metrics.ranking import recall_at
from services.batch.metrics.splits import Split
from services.batch.runtime.context import RunContext
from services.batch.runtime.progress import Progress
from services.batch.runtime.threads import bound_threads
from shared.errors import ArtifactError, ModelError, NightshelfError
from shared.log import get_logger
from shared.settings import Group, Settings


def compare(
    kind: str,
    whole: Split,
    systems: Sequence[Recommender],
    books: BookMetadata,
    context: RunContext,
    *,
    max_users: int | None = None,
) -> SplitResult:
    """Score recommenders on at most `max_users` test users of a split, and compare the first with the others.

    A recommender that cannot train on this data is skipped; the result records the reason.

    Raises:
        ArtifactError: the split has no test user.
        NightshelfError: a list contains a book that the user has seen.
    """
    seed, progress = context.settings.evaluation.seed, context.progress
    split = whole.sample(max_users or len(whole.rows), seed=seed)
    if not len(split.rows):
        raise ArtifactError(
            f"The split ({split.name}) has no test user.", hint="Evaluate more data, or hold out a larger share."
        )
    comparison = _Comparison(split, books, seed=seed)
    with bound_threads(context.threads) as threads, progress.task(split.name, len(systems)) as advance:
        for system in systems:
            comparison.add(system, threads, progress)
            advance(1)
    return comparison.found(kind, whole)


def compare_lists(
    kind: str,
    whole: Split,
    split: Split,
    lists: Mapping[str, NDArray[np.int32]],
    descriptions: Mapping[str, RecommenderResult],
    books: BookMetadata,
    *,
    seed: int,
) -> SplitResult:
    """Score existing lists, and compare the first with the others.

    Args:
        kind: the kind of split.
        whole: the split with all its test users.
        split: the split with only the test users of the lists.
        lists: int32, (n_users, 50), by recommender name, best first, padded with -1.
        descriptions: title and settings of each, without figures.
        books: metadata for metrics of lists.
        seed: of the bootstrap.

    Raises:
        NightshelfError: a list contains a book that the user has seen.
    """
    comparison = _Comparison(split, books, seed=seed)
    for name, ranked in lists.items():
        comparison.metadata[name] = comparison.measured(name, ranked, descriptions[name])
    return comparison.found(kind, whole)


class _Comparison:
    """One split and the results so far."""

    def __init__(self, split: Split, books: BookMetadata, *, seed: int) -> None:
        self._split = split
        self._books = books
        self._seed = seed
        self._of_served: dict[str, NDArray[np.float64]] | None = None
        self.metadata: dict[str, RecommenderResult] = {}
        self.activity, self._masks = activity_groups(split)
        self.popularity, self._parts = popularity_groups(split)

    def add(self, system: Recommender, threads: int, progress: Progress) -> None:
        title, settings = system.title, settings_of(system)
        started = time.perf_counter()
        try:
            fitted = system.fit(self._split.training, threads=threads, progress=progress)
        except ModelError as error:
            self.metadata[system.name] = RecommenderResult(title=title, settings=settings, skipped=str(error))
            return
        learned = time.perf_counter()
        ranked = fitted.rank(self._split.rows, LONGEST)
        listed = time.perf_counter()
        self.metadata[system.name] = self.measured(
            system.name,
            ranked,
            RecommenderResult(
                title=title,
                settings=settings,
                fit_seconds=round(learned - started, 3),
                rank_seconds=round(listed - learned, 3),
            ),
        )
        get_logger().info("evaluate.scored", system=system.name, seconds=round(time.perf_counter() - started, 2))

    def measured(self, name: str, ranked: NDArray[np.int32], metadata: RecommenderResult) -> RecommenderResult:
        """The description of a recommender, completed with the figures of its lists."""
        _refuse_seen(ranked, self._split, name)
        accuracy = accuracy_of_users(ranked, self._split.relevant)
        figures = {
            "figures": self._figures(ranked, accuracy),
            "by_activity": [_interval(accuracy["ndcg_at_10"][mask], self._seed) for mask in self._masks],
            "by_popularity": [_interval(recall_at(ranked, part, 20), self._seed) for part in self._parts],
            "served_minus": self._served_minus(accuracy),
        }
        return metadata.model_copy(update=figures)

    def found(self, kind: str, whole: Split) -> SplitResult:
        """The result on this split; `whole` includes the users that were not scored."""
        split = self._split
        n_relevant = np.diff(split.relevant.indptr)
        n_unseen = int(split.training.active.sum()) - np.diff(split.training.seen.indptr)[split.rows]
        return SplitResult(
            kind=kind,
            title=split.name,
            n_training_interactions=len(split.training.interactions),
            n_test_interactions=split.n_test_interactions,
            n_test_users=len(whole.rows),
            n_users=len(split.rows),
            n_test_books=int(n_relevant.sum()),
            chance_recall_at_50=float(np.minimum(LONGEST / np.maximum(n_unseen, 1), 1).mean()),
            activity_groups=self.activity,
            popularity_groups=self.popularity,
            systems=self.metadata,
        )

    def _figures(
        self, ranked: NDArray[np.int32], accuracy: dict[str, NDArray[np.float64]]
    ) -> dict[str, Interval | float]:
        figures: dict[str, Interval | float] = {}
        figures |= zip(
            accuracy, mean_intervals(np.stack(list(accuracy.values()), axis=1), seed=self._seed), strict=True
        )
        for name, values in lists_of_users(ranked, self._split, self._books).items():
            interval = _interval(values, self._seed)
            if interval is not None:
                figures[name] = interval
        return figures | lists_of_all(ranked, self._split)

    def _served_minus(self, accuracy: dict[str, NDArray[np.float64]]) -> dict[str, Interval]:
        if self._of_served is None:
            self._of_served = accuracy
            return {}
        differences = np.stack([self._of_served[name] - values for name, values in accuracy.items()], axis=1)
        return dict(zip(accuracy, mean_intervals(differences, seed=self._seed), strict=True))


def settings_of(system: Recommender) -> dict[str, Setting]:
    """The settings of a recommender: its fields, with groups of settings flattened."""
    found: dict[str, Setting] = {}
    names: list[str] = [field.name for field in fields(system)] if is_dataclass(system) else []
    for name in names:
        value = getattr(system, name)
        if isinstance(value, Settings):
            found |= value.collaborative.model_dump(mode="json") | value.item_transitions.model_dump(mode="json")
            found |= value.blend.model_dump(mode="json")
            if value.reranker.enabled:
                found |= {f"ranker_{name}": of for name, of in value.reranker.model_dump(mode="json").items()}
        elif isinstance(value, Group):
            found |= value.model_dump(mode="json")
        elif name not in ("name", "title") and isinstance(value, str | int | float | bool):
            found[name] = value
    return found


def _refuse_seen(ranked: NDArray[np.int32], split: Split, name: str) -> None:
    rows, places = np.nonzero(ranked >= 0)
    if not len(rows):
        return  # scipy answers an empty index with a sparse matrix
    seen = split.training.seen[split.rows]
    if np.asarray(seen[rows, ranked[rows, places]]).any():
        raise NightshelfError(f"The recommender {name} recommends books that the user has already seen.")


def _interval(values: NDArray[np.float64], seed: int) -> Interval | None:
    """The mean over users with a defined value; `None` if there are none."""
    defined = values[~np.isnan(values)]
    return mean_interval(defined, seed=seed) if len(defined) else None
