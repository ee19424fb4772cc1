"""An evaluation and a report of the made-up world, with a title that would be markup if nobody escaped it."""

from __future__ import annotations

import numpy as np

from services.batch.evaluate.baselines.ease import Ease
from services.batch.evaluate.baselines.item_knn import ItemKnn
from services.batch.evaluate.baselines.popularity import MostPopular
from services.batch.evaluate.baselines.served import Served
from services.batch.evaluate.compare import compare
from services.batch.evaluate.evaluation import Evaluation
from services.batch.evaluate.metric_registry import METRICS, BookMetadata
from services.batch.metrics.beyond_accuracy import genre_shares
from services.batch.metrics.bootstrap import Interval
from services.batch.metrics.splits import split_by_time
from services.batch.report.document import BookLine, ClusterOnMap, Recommendation, Report, SampleReader
from services.batch.runtime.context import RunContext
from services.batch.tune.record import Trial, TuningRecord
from shared.settings import BatchSettings, Settings, UserStateSettings
from tests.worlds.evaluate_world import N_BOOKS, books, interactions

NASTY = '<script>alert("1")</script> & "Sons" </style></svg>'


def evaluation_of_world(*, simulated: bool = True) -> Evaluation:
    split = split_by_time(books(), interactions(), UserStateSettings(), test_share=0.3)
    metadata = BookMetadata(np.eye(N_BOOKS, dtype=np.float32), genre_shares(books()["genres"].tolist()))
    context = RunContext(Settings(batch=BatchSettings(threads=1)))
    systems = [Served("served", Settings(), None), ItemKnn(), Ease(), MostPopular()]
    found = compare("time", split, systems, metadata, context)
    return Evaluation(
        created_at="2024-05-01T00:00:00Z", source=NASTY, snapshot="s1", generation="g1", simulated_readers=simulated,
        n_books=N_BOOKS, n_users=80, n_interactions=960, seed=7, seconds=1.0, metrics=METRICS, splits=[found],
    )  # fmt: skip


def tuning_record(*, better: bool = True) -> TuningRecord:
    trials = [
        Trial(
            settings={"collaborative.rank": 8 * n, "blend.content_weight": 0.1 * n},
            value=0.1 + 0.01 * n, n_users=30 if n == 2 else 90, pruned=n == 2, seconds=0.5,
        )
        for n in range(1, 6)
    ]  # fmt: skip
    found = trials[-1].settings
    return TuningRecord(
        created_at="2024-05-01T00:00:00Z", source=NASTY, snapshot="s1", minutes=1, seed=7,
        n_training_interactions=800, n_validation_interactions=100, n_unseen_interactions=100, n_search_users=90,
        n_check_users=91, left_out=[], present=trials[0].settings, found=found,
        before=Interval(0.1112, 0.1013, 0.1234), after=Interval(0.1523, 0.1417, 0.1678),
        difference=Interval(0.0411, 0.0312, 0.0507), better=better, chosen=found if better else {}, trials=trials,
    )  # fmt: skip


def report_of_world() -> Report:
    book = BookLine(title=NASTY, authors=[NASTY, "B", "C"])
    reader = SampleReader(
        n_liked=9,
        liked=[book],
        recommended=[
            Recommendation(book=book, lists=["collaborative", "content"], because=NASTY),
            Recommendation(book=book, lists=[], because=None),
        ],
    )
    tribes = [ClusterOnMap(name=f"{NASTY} · two · three", n_books=3, x=0.5, y=0.5, points=[(1, 2), (500, 500), (9, 7)])]
    return Report(
        scope="full", evaluation=evaluation_of_world(), tribes=tribes, readers=[reader] * 2, tuning=tuning_record()
    )
