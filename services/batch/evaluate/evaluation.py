"""`evaluation.json`: the results of an evaluation, with everything that the report page shows.

A *figure* is `{"value", "low", "high"}`: a mean over users and its 95 % bootstrap interval. Metrics are keyed as in
`metrics`, recommenders as in `systems`; the first is the served pipeline, with which the others are compared.
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
    """What a metric is.

    Attributes:
        title: as a person reads it.
        meaning: one sentence.
        source: the paper.
        better: which way is better; "neither" where it depends on what is wanted.
        about: "accuracy", or "lists" for what does not look at what users came to like.
    """

    title: str
    meaning: str
    source: str
    better: Literal["higher", "lower", "neither"]
    about: Literal["accuracy", "lists"]


class GroupFacts(_Record):
    """A group of users by the length of their history, or of test books by popularity.

    Attributes:
        title: as a person reads it.
        low, high: the bounds, both included: positive books of a user, or users who like a book, in the training part.
        n: test users in it, or pairs of a test user and a test book.
    """

    title: str
    low: int
    high: int
    n: int


class RecommenderResult(_Record):
    """The figures of a recommender on one split.

    Attributes:
        title: as a person reads it.
        settings: what it was run with.
        skipped: why it could not be scored; then everything below is empty.
        fit_seconds, rank_seconds: wall time of learning, and of ranking for all test users.
        figures: by metric. Where a metric is one number for all lists (coverage, Gini, share of the most popular), low
            and high are absent.
        by_activity: NDCG@10 by group of users, in the order of `activity_groups`.
        by_popularity: recall@20 of the test books of each group, in the order of `popularity_groups`; `None` where
            no user has any.
        served_minus: how much better the served pipeline is, user by user, by metric of accuracy; empty for itself.
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
        kind: which sort of split, for programs.
        title: for people.
        n_training_interactions, n_test_interactions: rows on either side.
        n_test_users: all test users; `n_users` of them were scored.
        n_test_books: test books of the users scored, a book counting once for each user.
        chance_recall_at_50: recall@50 of lists drawn at random from the active books.
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
        source, snapshot, generation: what was evaluated; `None` where there is none.
        simulated_readers: whether the readers are made up.
        n_books, n_users, n_interactions: of the whole data.
        seed: of samples and bootstrap.
        metrics: what each metric is.
        splits: in the order they were made.
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
    """Write the document, whole or not at all."""
    write_durably(path, evaluation.model_dump_json(indent=1).encode())


def read_evaluation(path: Path) -> Evaluation:
    """Read a document back."""
    return Evaluation.model_validate_json(path.read_bytes())
