"""A night's evaluation and the gate behind it: calm on an ordinary day, awake when something broke."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import orjson
import pandas as pd
import pytest

from services.batch.evaluate.gate import judge
from services.batch.evaluate.nightly_evaluation import build_evaluation, read_metrics
from services.batch.ingest.interactions import Interactions
from services.batch.ingest.snapshot import current_snapshot
from services.batch.models import factors
from services.batch.runtime.context import RunContext
from shared.artifacts.generation import artifact_folder, read_manifest
from shared.layout import DataFolder
from shared.settings import BatchSettings, EvaluationSettings, GateSettings

pytest_plugins = ["tests.worlds.api_fixtures"]

DAY = 0.98  # what was known the day before


class Tables(NamedTuple):
    """What a snapshot holds, and the name of its source."""

    books: pd.DataFrame
    interactions: pd.DataFrame
    source: str


@pytest.fixture(scope="module")
def world(odd_world):
    """The demo's tables, settings and content artifact."""
    folder = DataFolder(odd_world.settings.data_dir)
    snapshot = current_snapshot(folder)
    content = artifact_folder(folder, "content", read_manifest(folder, odd_world.generation_id).artifacts["content"])
    tables = Tables(snapshot.load_books(), snapshot.load_interactions(), snapshot.manifest.source.name)
    return tables, odd_world.settings, content


@pytest.fixture(scope="module")
def evaluated(world, tmp_path_factory):
    """Evaluates other interactions, or with other settings, and returns the folder."""
    tables, settings, content = world

    def evaluate(interactions=None, **choices):
        folder = tmp_path_factory.mktemp("evaluation")
        rows = Interactions.from_table(tables.interactions if interactions is None else interactions)
        build_evaluation(
            folder,
            tables.books,
            rows,
            tables.source,
            content,
            RunContext(settings.model_copy(update={"batch": BatchSettings(threads=1), **choices})),
        )
        return folder

    return evaluate


@pytest.fixture(scope="module")
def day_before(world, evaluated):
    """The evaluation of the generation being served."""
    interactions = world[0].interactions
    return evaluated(interactions.iloc[: int(len(interactions) * DAY)])


def test_what_is_written(evaluated, world):
    n_scored = 300
    folder = evaluated(evaluation=EvaluationSettings(max_users=n_scored))
    metrics = read_metrics(folder)
    users = orjson.loads((folder / "users.json").read_bytes())
    assert (metrics.comparable, metrics.reason, metrics.n_users) == (True, None, n_scored)
    assert len(set(users)) == n_scored < metrics.split.n_test_users
    assert set(users) <= set(world[0].interactions["user_id"])
    for name in ("ndcg_at_10", "recall_at_10"):
        values = np.load(folder / f"{name}.npy")
        figure = metrics.systems["served"][name]
        assert (values.dtype, values.shape) == (np.float32, (n_scored,))
        assert values.mean() == pytest.approx(figure.value, rel=1e-5)
        assert 0 < figure.low < figure.value < figure.high < 1
    assert metrics.systems["served"]["ndcg_at_10"].low > metrics.systems["popularity"]["ndcg_at_10"].high
    assert metrics.data.interactions == len(world[0].interactions)


def test_the_same_night_gives_the_same_bytes(evaluated):
    few = EvaluationSettings(max_users=100)
    once, again = evaluated(evaluation=few), evaluated(evaluation=few)
    for file in sorted(once.iterdir()):
        assert file.read_bytes() == (again / file.name).read_bytes()


def test_ordinary_days_pass(world, evaluated):
    interactions = world[0].interactions
    known = [int(len(interactions) * share) for share in (0.86, 0.92, 0.98, 1.0)]
    days = [evaluated(interactions.iloc[:n]) for n in known]
    verdicts = [judge(later, earlier, GateSettings()) for earlier, later in pairwise(days)]
    assert [verdict.verdict for verdict in verdicts] == ["pass"] * 3


def with_books_shuffled(interactions, chance):
    return interactions.assign(book_number=chance.permutation(interactions["book_number"].to_numpy()))


def with_books_renumbered(interactions, chance):
    """As if the table of books were out of step: every book is another, consistently."""
    number_of = chance.permutation(interactions["book_number"].max() + 1).astype(np.int32)
    return interactions.assign(book_number=number_of[interactions["book_number"].to_numpy()])


@pytest.mark.parametrize(
    ("breaking", "shows_in"),
    [
        (with_books_shuffled, "ndcg_at_10"),
        (with_books_renumbered, "content_ndcg_at_10"),
    ],
)
def test_broken_data_is_refused(world, evaluated, day_before, breaking, shows_in):
    broken = breaking(world[0].interactions, np.random.default_rng(7))
    broken = broken.drop_duplicates(["user_id", "book_number", "kind"], keep="last")
    verdict = judge(evaluated(broken), day_before, GateSettings())
    assert (verdict.verdict, verdict.metric) == ("worse", shows_in)


def test_broken_factors_are_refused(evaluated, day_before, monkeypatch):
    class Shuffled:
        """Factors of the right shape whose rows belong to other books."""

        def __init__(self, factorizer):
            self._factorizer = factorizer

        def factorize(self, positives, *, progress):
            whole = self._factorizer.factorize(positives, progress=progress)
            order = np.random.default_rng(7).permutation(len(whole.item_factors))
            return dataclasses.replace(whole, item_factors=whole.item_factors[order])

    whole = factors.open_factorizer
    monkeypatch.setattr(factors, "open_factorizer", lambda *args, **named: Shuffled(whole(*args, **named)))
    verdict = judge(evaluated(), day_before, GateSettings())
    assert (verdict.verdict, verdict.metric) == ("worse", "collaborative_ndcg_at_10"), "the other lists carry it"


def test_settings_that_make_it_worse_are_refused(world, evaluated, day_before):
    settings = world[1]
    only_content = settings.blend.model_copy(
        update={
            "collaborative_weight": 0.0,
            "item_transitions_weight": 0.0,
            "same_series_author_weight": 0.0,
            "trending_weight": 0.0,
        }
    )
    assert judge(evaluated(blend=only_content), day_before, GateSettings()).verdict == "worse"


def test_with_too_few_test_users_it_says_so_and_nothing_is_compared(world, evaluated, day_before):
    interactions = world[0].interactions
    everything = GateSettings(max_loss=1.0)
    tiny = evaluated(interactions.iloc[:300])
    metrics = read_metrics(tiny)
    assert not metrics.comparable
    assert f"Only {metrics.n_users} users" in metrics.reason
    assert judge(tiny, day_before, everything).verdict == "no-comparison"
    nobody = evaluated(interactions.iloc[:1])
    assert (read_metrics(nobody).n_users, np.load(nobody / "ndcg_at_10.npy").shape) == (0, (0,))
    assert judge(day_before, nobody, everything).verdict == "no-comparison"
    assert read_metrics(evaluated(interactions.iloc[:0])).n_users == 0
