"""`evaluation.json`: the results of an evaluation, as the report page shows them.

A *figure* is `{"value", "low", "high"}`: a mean over users and its 95 % bootstrap interval. Metrics are keyed as in
`metrics`, recommenders as in `systems`. The first recommender is the served pipeline; it is compared with the others.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from services.batch.metrics.bootstrap import Interval
from shared.layout import write_durably

Setting: TypeAlias = str | int | float | bool | None


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class MetricMetadata(_Record):
    """The description of a metric.

    Attributes:
        title: for display.
        meaning: one sentence.
        source: the paper.
        better: whether higher or lower is better; "neither" if it depends on the goal.
        about: "accuracy" for metrics against test books, "lists" for the others.
    """

    title: str
    meaning: str
    source: str
    better: Literal["higher", "lower", "neither"]
    about: Literal["accuracy", "lists"]


class GroupFacts(_Record):
    """A group of users by the length of their history, or of test books by popularity.

    Attributes:
        title: for display.
        low, high: the inclusive bounds in the training part: positive books per user, or users who like a book.
        n: test users in the group, or pairs of test user and test book.
    """

    title: str
    low: int
    high: int
    n: int


class RecommenderResult(_Record):
    """The figures of a recommender on one split.

    Attributes:
        title: for display.
        settings: its settings.
        skipped: why it was not scored; then everything below is empty.
        fit_seconds, rank_seconds: wall time of training, and of ranking for all test users.
        figures: by metric. A metric with one value for all lists (coverage, Gini, share of the most popular) has no
            low and high.
        by_activity: NDCG@10 by group of users, in the order of `activity_groups`.
        by_popularity: recall@20 of the test books of each group, in the order of `popularity_groups`; `None` for a
            group without test books.
        served_minus: paired difference of the served pipeline and this recommender, by accuracy metric; empty for the
            served pipeline.
    """

    title: str
    settings: dict[str, Setting]
    skipped: str | None = None
    fit_seconds: float = 0.0
    rank_seconds: float = 0.0
    figures: dict[str, Interval | float] = {}
    by_activity: list[Interval | None] = []
    by_popularity: list[Interval | None] = []
    served_minus: dict[str, Interval] = {}


class SplitResult(_Record):
    """One split and its results.

    Attributes:
        kind: the kind of split, for programs.
        title: for display.
        n_training_interactions, n_test_interactions: rows of the two parts.
        n_test_users: all test users; `n_users` of them are scored.
        n_test_books: pairs of scored user and test book.
        chance_recall_at_50: recall@50 of random lists of active books.
        activity_groups, popularity_groups: see `GroupFacts`.
        systems: by name, the served pipeline first.
    """

    kind: str
    title: str
    n_training_interactions: int
    n_test_interactions: int
    n_test_users: int
    n_users: int
    n_test_books: int
    chance_recall_at_50: float
    activity_groups: list[GroupFacts]
    popularity_groups: list[GroupFacts]
    systems: dict[str, RecommenderResult]


class Evaluation(_Record):
    """The document.

    Attributes:
        source, snapshot, generation: the evaluated data; `None` if there is none.
        simulated_readers: whether the readers are simulated.
        n_books, n_users, n_interactions: of the whole data.
        seed: of samples and bootstrap.
        metrics: the description of each metric.
        splits: the results, in order.
    """

    format: Literal[1] = 1
    created_at: datetime
    source: str
    snapshot: str | None
    generation: str | None
    simulated_readers: bool
    n_books: int
    n_users: int
    n_interactions: int
    seed: int
    seconds: float
    metrics: dict[str, MetricMetadata]
    splits: list[SplitResult]


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write the document atomically."""
    write_durably(path, evaluation.model_dump_json(indent=1).encode())


def read_evaluation(path: Path) -> Evaluation:
    """Read a document."""
    return Evaluation.model_validate_json(path.read_bytes())
