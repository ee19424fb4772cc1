"""Comparison of recommenders: the figures of the document for synthetic recommenders with known results."""

import numpy as np
import pytest

from services.batch.evaluate.baselines.ease import Ease
from services.batch.evaluate.baselines.popularity import MostPopular
from services.batch.evaluate.baselines.recommender import ScoreRanker
from services.batch.evaluate.baselines.served import Served
from services.batch.evaluate.compare import compare, settings_of
from services.batch.evaluate.evaluation import Evaluation, read_evaluation, write_evaluation
from services.batch.evaluate.metric_registry import METRICS, BookMetadata
from services.batch.metrics.beyond_accuracy import genre_shares
from services.batch.metrics.bootstrap import paired_difference
from services.batch.metrics.ranking import ndcg_at
from services.batch.metrics.splits import split_by_time
from services.batch.runtime.context import RunContext
from services.batch.runtime.progress import SILENT
from services.cli.evaluation_tables import evaluation_table
from shared.errors import ArtifactError, ModelError, NightshelfError
from shared.settings import BatchSettings, Settings, UserStateSettings
from tests.worlds.evaluate_world import N_BOOKS, books, interactions

CONTEXT = RunContext(Settings(batch=BatchSettings(threads=1)))


class Oracle:
    """Ranks the test books first."""

    name = title = "oracle"

    def __init__(self, split):
        self._split = split

    def fit(self, training, **_how):
        def scores(rows):
            wanted = self._split.relevant[np.searchsorted(self._split.rows, rows)].toarray()
            return wanted.astype(np.float32)

        return ScoreRanker(training, scores)


class Repeating:
    """Recommends what was read."""

    name = title = "repeating"

    def fit(self, training, **_how):
        class Reranker:
            def rank(self, rows, k):
                return np.stack([np.resize(training.seen_of(row), k) for row in rows.tolist()])

        return Reranker()


class Unable:
    """Cannot be trained."""

    name = title = "unable"

    def fit(self, _training, **_how):
        raise ModelError("The library is not installed.")


@pytest.fixture(scope="module")
def split():
    return split_by_time(books(), interactions(), UserStateSettings(), test_share=0.3)


@pytest.fixture(scope="module")
def metadata():
    return BookMetadata(np.eye(N_BOOKS, dtype=np.float32), genre_shares(books()["genres"].tolist()))


def compared(split, metadata, *systems, max_users=1000):
    return compare("time", split, systems, metadata, CONTEXT, max_users=max_users)


@pytest.fixture(scope="module")
def found(split, metadata):
    return compared(split, metadata, Oracle(split), MostPopular(), Unable())


def test_the_oracle_is_perfect(found):
    figures = found.systems["oracle"].figures
    assert {name for name, metric in METRICS.items() if metric.about == "accuracy"} < set(figures)
    for name in ("ndcg_at_10", "ndcg_at_20", "recall_at_10", "reciprocal_rank_at_10", "hit_rate_at_10"):
        assert (figures[name].value, figures[name].low, figures[name].high) == (1, 1, 1)
    assert figures["similarity_at_10"].value == 0, "no two of these books are alike"
    assert set(figures) == set(METRICS)
    assert all(group.value == 1 for group in found.systems["oracle"].by_activity)
    assert all(group is None or group.value == 1 for group in found.systems["oracle"].by_popularity)
    assert found.systems["oracle"].served_minus == {}


def test_others_are_held_against_the_first_user_by_user(split, found):
    popular = MostPopular().fit(split.training, threads=1, progress=SILENT).rank(split.rows, 10)
    values = ndcg_at(popular, split.relevant, 10)
    figure, difference = (
        found.systems["popularity"].figures["ndcg_at_10"],
        found.systems["popularity"].served_minus["ndcg_at_10"],
    )
    assert figure.value == pytest.approx(values.mean())
    assert difference.value == pytest.approx(1 - values.mean())
    expected = paired_difference(np.ones_like(values), values, seed=7)
    assert (difference.low, difference.high) == pytest.approx((expected.low, expected.high))


def test_groups_cover_every_user_and_every_test_book_once(split, found):
    assert sum(group.n for group in found.activity_groups) == found.n_users == len(split.rows)
    assert sum(group.n for group in found.popularity_groups) == found.n_test_books == split.relevant.nnz
    weighed = sum(
        group.n * figure.value
        for group, figure in zip(found.activity_groups, found.systems["popularity"].by_activity, strict=True)
    )
    assert weighed / found.n_users == pytest.approx(found.systems["popularity"].figures["ndcg_at_10"].value)


def test_what_cannot_be_run_is_skipped_with_its_reason(found):
    assert "not installed" in found.systems["unable"].skipped
    assert found.systems["unable"].figures == {}


def test_a_system_that_recommends_what_was_read_is_refused(split, metadata):
    with pytest.raises(NightshelfError, match="repeating recommends books that the user has already seen"):
        compared(split, metadata, Repeating())


def test_a_sample_of_users_is_scored_and_says_so(split, metadata):
    few = compared(split, metadata, MostPopular(), max_users=10)
    assert (few.n_users, few.n_test_users) == (10, len(split.rows))


def test_with_nobody_to_ask_about_it_says_so(metadata):
    nobody = split_by_time(books(), interactions().take(slice(5)), UserStateSettings(), test_share=0.2)
    with pytest.raises(ArtifactError, match="no test user"):
        compared(nobody, metadata, MostPopular())


def test_chance_is_what_lists_at_random_find(split, metadata):
    class Random:
        name = title = "random"

        def fit(self, training, **_how):
            chance = np.random.default_rng(1)
            return ScoreRanker(training, lambda rows: chance.random((len(rows), N_BOOKS), np.float32))

    found = compared(split, metadata, Random())
    assert found.systems["random"].figures["recall_at_50"].value == pytest.approx(found.chance_recall_at_50, abs=0.03)


def test_settings_are_told_by_name():
    assert settings_of(Ease(regularization=3.0)) == {"regularization": 3.0, "history_decay": 1.0}
    told = settings_of(Served("served", Settings(), None))
    assert (told["rank"], told["item_transitions_weight"], told["window"]) == (128, 0.47, 100)
    assert settings_of(Unable()) == {}


def test_the_document_comes_back_as_it_was_and_can_be_shown(found, tmp_path):
    evaluation = Evaluation(
        created_at="2024-05-01T00:00:00Z", source="made up", snapshot=None, generation=None, simulated_readers=True,
        n_books=N_BOOKS, n_users=80, n_interactions=960, seed=7, seconds=1.0, metrics=METRICS, splits=[found],
    )  # fmt: skip
    write_evaluation(tmp_path / "evaluation.json", evaluation)
    assert read_evaluation(tmp_path / "evaluation.json") == evaluation

    from rich.console import Console

    console = Console(width=120, record=True)
    console.print(evaluation_table(evaluation))
    shown = console.export_text()
    assert "simulated" in shown
    assert "unable is left out: The library is not installed." in shown
    popular = next(line for line in shown.splitlines() if line.startswith("Popularity"))
    assert f"{found.systems['popularity'].figures['ndcg_at_10'].value:.4f}" in popular
    assert popular.rstrip().endswith("*"), "an oracle is beyond doubt"
