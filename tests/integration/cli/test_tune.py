"""Tuning as a whole: it finds what is provably best, knows nothing of the test part, and the next night uses it."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from services.batch.content.index import build_content
from services.batch.evaluate.evaluation import read_evaluation
from services.batch.ingest.snapshot import write_snapshot
from services.batch.ingest.snapshot_manifest import SnapshotMetadata
from services.batch.runtime.progress import SILENT
from services.batch.tune import tune as tuning
from services.batch.tune.record import read_record, write_record
from services.batch.tune.space import Range
from services.batch.tune.trials import TrialScores
from services.batch.tune.tune import Budget, tune
from services.batch.tune.tuning_split import tuning_split
from services.cli.main import app
from shared.errors import ArtifactError, NightshelfError
from shared.layout import DataFolder
from shared.settings import BlendSettings, CollaborativeSettings, ContentSettings, EvaluationSettings, Settings
from tests.worlds.evaluated_world import tuning_record
from tests.worlds.small_world import SmallWorld

N_PAIRS, N_READERS, N_TURNS = 60, 240, 8
SPACE = {"blend.recent_books": Range(1, 8, log=True)}
RUN = CliRunner()


def books_in_pairs() -> pd.DataFrame:
    """Book 2 n and book 2 n + 1 are alike, and no others."""
    n_books = 2 * N_PAIRS
    return pd.DataFrame(
        {
            "book_number": np.arange(n_books, dtype=np.int32),
            "book_id": [f"b{n}" for n in range(n_books)],
            "title": [f"Title {chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(n_books)],
            "authors": [[f"Author {n}"] for n in range(n_books)],
            "year": np.nan,
            "genres": [["g"] for _ in range(n_books)],
            "series": None,
            "series_position": np.nan,
            "description": [f"Text {n}" for n in range(n_books)],
            "image_url": None,
            "average_rating": np.nan,
            "n_ratings": np.nan,
            "isbns": [[] for _ in range(n_books)],
            "other_titles": [[] for _ in range(n_books)],
            "active": True,
        }
    )


def readings() -> pd.DataFrame:
    """Each reads first halves of pairs; then, all at the same time, the other half of the pair begun last."""
    chance = np.random.default_rng(7)
    begun = np.stack([chance.permutation(N_PAIRS)[: N_TURNS + 1] for _ in range(N_READERS)])
    rows = [(reader, 2 * begun[reader, turn]) for turn in range(N_TURNS) for reader in range(N_READERS)]
    rows += [(reader, 2 * begun[reader, N_TURNS - 1] + 1) for reader in range(N_READERS)]
    rows += [(reader, 2 * begun[reader, N_TURNS]) for reader in range(N_READERS)]
    return pd.DataFrame(
        {
            "user_id": pd.Categorical([f"r{reader}" for reader, _ in rows]),
            "book_number": np.array([number for _, number in rows], np.int32),
            "kind": pd.Categorical(["read"] * len(rows)),
            "value": np.nan,
            "time": np.arange(len(rows), dtype=np.float64),
            "event_id": pd.Categorical([None] * len(rows)),
        }
    )


def snapshot_of(root, interactions):
    n, of_source = len(interactions), {"kind": "test", "name": "pairs", "fingerprint": "f"}
    metadata = SnapshotMetadata(
        source={**of_source, "rating_scale": "1-5", "order": "time", "simulated_readers": True},
        events_through=None,
        counts={
            "books": 2 * N_PAIRS, "active_books": 2 * N_PAIRS, "users": interactions["user_id"].nunique(),
            "interactions": n, "rejected": 0, "duplicates": 0,
        },
        rejected_by_reason={},
        inputs={**of_source, "format": 1, "stored_events": 0},
        source_counts={"interactions": n, "duplicate_books": 0, "rejected_by_reason": {}},
    )  # fmt: skip
    return write_snapshot(DataFolder(root), books_in_pairs(), interactions, pa.table({"row": [1]}), metadata)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """The world of pairs: its folder, snapshot and content artifact."""
    root = tmp_path_factory.mktemp("pairs")
    chance = np.random.default_rng(7)
    first = chance.normal(size=(N_PAIRS, 256))
    vectors = np.repeat(first, 2, axis=0) + chance.normal(size=(2 * N_PAIRS, 256)) * 0.2
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    content = root / "content"
    content.mkdir()
    build_content(content, vectors, books_in_pairs(), ContentSettings(), threads=1, progress=SILENT)
    return SimpleNamespace(root=root, content=content, snapshot=snapshot_of(root, readings()))


def settings_of(root, **choices):
    blend = BlendSettings(**{"collaborative_weight": 0, "content_weight": 1, "recency_decay": 1} | choices)
    return Settings(data_dir=root, blend=blend, batch={"threads": 1})


def tuned(pairs, settings, snapshot=None, *, space=SPACE, max_trials=12):
    return tune(snapshot or pairs.snapshot, pairs.content, settings, Budget(1.0, max_trials, seed=7), space=space)


def what(record):
    return [(trial.settings, trial.value) for trial in record.trials]


def test_it_finds_the_setting_that_is_provably_best(pairs):
    record = tuned(pairs, settings_of(pairs.root))
    assert record.found == record.chosen == {"blend.recent_books": 1}
    assert record.after.value == 1, "with the last book alone its other half is always first"
    assert record.better
    assert record.before.value < 0.8
    assert record.difference.low > 0
    assert record.n_search_users + record.n_check_users == N_READERS


def test_what_is_best_already_stays_and_it_says_so(pairs, tmp_path):
    folder = DataFolder(tmp_path)
    write_record(folder, tuning_record().model_copy(update={"chosen": {"blend.recent_books": 1}}))
    record = tuned(pairs, settings_of(tmp_path))
    assert record.present == record.found == {"blend.recent_books": 1}
    assert not record.better
    assert record.chosen == {"blend.recent_books": 1}, "what was tuned before is kept"
    assert (record.difference.low, record.difference.high) == (0, 0)


def test_the_test_part_is_not_known(pairs, tmp_path):
    rows = readings()
    n_known = int(len(rows) * 0.9)
    changed = rows.copy()
    shuffled = np.random.default_rng(1).permutation(2 * N_PAIRS)
    changed.loc[n_known:, "book_number"] = shuffled[changed.loc[n_known:, "book_number"]].astype(np.int32)
    assert (changed["book_number"] != rows["book_number"]).mean() > 0.09
    other = snapshot_of(tmp_path, changed)
    assert other.id != pairs.snapshot.id
    once, again = (tuned(pairs, settings_of(tmp_path), snapshot) for snapshot in (pairs.snapshot, other))
    assert what(once) == what(again)
    left_out = {"created_at", "snapshot", "trials"}
    assert once.model_dump(exclude=left_out) == again.model_dump(exclude=left_out)


def test_trials_learn_from_the_first_part_and_are_asked_about_the_next(pairs):
    known = tuning_split(pairs.snapshot, settings_of(pairs.root))
    rows = readings()
    n_training = len(known.search.training.interactions)
    assert (n_training, known.search.n_test_interactions, known.n_unseen) == (1920, 240, 240)
    assert known.search.training.interactions.times.max() == rows["time"].iloc[n_training - 1]
    asked = {
        (user, number)
        for artifact in (known.search, known.check)
        for user, row in zip(artifact.users, artifact.relevant, strict=True)
        for number in row.indices.tolist()
    }
    validation = rows.iloc[n_training : n_training + 240]
    assert asked == set(zip(validation["user_id"], validation["book_number"].tolist(), strict=True))
    assert not set(known.search.users) & set(known.check.users)


def test_only_the_first_rows_are_read(pairs):
    whole = pairs.snapshot.load_interactions()
    for n in (0, 1, 1000, len(whole)):
        pd.testing.assert_frame_equal(
            pairs.snapshot.load_interactions(n).astype({"user_id": str, "kind": str, "event_id": object}),
            whole.iloc[:n].astype({"user_id": str, "kind": str, "event_id": object}),
        )


def test_factors_are_used_again_while_only_the_blend_differs(pairs, monkeypatch):
    kept = []

    class Watched(TrialScores):
        def __init__(self, *args, **named):
            super().__init__(*args, **named)
            kept.append(self)

    monkeypatch.setattr(tuning, "TrialScores", Watched)
    settings = Settings(data_dir=pairs.root, batch={"threads": 1})
    space = {"collaborative.rank": Range(2, 16, log=True), "blend.content_weight": Range(0.0, 1.5)}
    record = tuned(pairs, settings, space=space, max_trials=15)
    n_ranks = len({trial.settings["collaborative.rank"] for trial in record.trials})
    assert kept[0].n_factored == n_ranks < len(record.trials) / 2


def test_what_is_set_explicitly_is_not_searched(pairs):
    space = SPACE | {"blend.content_weight": Range(0.0, 1.0)}
    record = tuned(pairs, settings_of(pairs.root), space=space, max_trials=2)
    assert record.left_out == ["blend.content_weight"]
    assert list(record.found) == ["blend.recent_books"]
    with pytest.raises(NightshelfError, match="All tunable settings are set explicitly"):
        tuned(pairs, settings_of(pairs.root, recent_books=3))


def test_with_too_few_readers_it_says_so(pairs):
    settings = settings_of(pairs.root).model_copy(update={"evaluation": EvaluationSettings(min_users=500)})
    with pytest.raises(ArtifactError, match="Only 240 users"):
        tuned(pairs, settings)


@pytest.fixture
def mixed_up(library):
    """The small library, its readers reading at the same time, so that a moment splits all of them."""
    ratings = list(library.world.stars.items())
    random.Random(7).shuffle(ratings)
    world = SmallWorld(library.world.books)
    for (reader, book), (stars, _) in ratings:
        world.rate(reader, book, stars)
    library.world = world
    library.night()
    return library


def test_the_command_and_the_night_after_it(mixed_up, monkeypatch):
    library, before = mixed_up, mixed_up.manifest
    monkeypatch.setenv("NIGHTSHELF_EVALUATION__MIN_USERS", "20")
    monkeypatch.setenv("COLUMNS", "160")
    where = ["--data-dir", str(library.settings.data_dir)]

    def run(*options):
        result = RUN.invoke(app, ["tune", *options, *where], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    assert "Nothing has been tuned" in run("--show")
    shown = run("--trials", "6", "--minutes", "5")
    assert "took no part in the search" in shown
    record = read_record(library.folder)
    assert len(record.trials) == 6
    assert "took no part in the search" in run("--show")

    write_record(
        library.folder, record.model_copy(update={"chosen": {"collaborative.rank": 8, "blend.recent_books": 3}})
    )
    night = library.night()
    assert night.published
    assert (library.manifest.blend.recent_books, library.manifest.collaborative["rank"]) == (3, 8)
    assert library.manifest.tuned == ["blend.recent_books", "collaborative.rank"]
    assert library.manifest.artifacts["collaborative"] != before.artifacts["collaborative"]
    assert library.manifest.evaluation != before.evaluation
    assert library.manifest.artifacts["content"] == before.artifacts["content"]
    of_generation = library.pointer

    library.night(collaborative=CollaborativeSettings(rank=16))
    assert (library.manifest.collaborative["rank"], library.manifest.blend.recent_books) == (16, 3)
    assert library.manifest.tuned == ["blend.recent_books"]

    assert "Deleted" in run("--reset")
    assert not library.folder.tuned.exists()
    assert "Nothing was tuned" in run("--reset")
    library.night()
    assert library.manifest.artifacts == before.artifacts

    found = library.root / "found.json"
    options = ["--generation", of_generation, "--system", "popularity", "--no-report", "--out", str(found)]
    assert RUN.invoke(app, ["evaluate", *options, *where], catch_exceptions=False).exit_code == 0
    settings = read_evaluation(found).splits[0].systems["served"].settings
    assert (settings["rank"], settings["recent_books"]) == (8, 3), "what the generation was made with"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (("--show", "--reset"), NightshelfError, "do not go together"),
        ((), ArtifactError, "no data to tune on"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        RUN.invoke(app, ["tune", *options, "--data-dir", str(tmp_path / "data")], catch_exceptions=False)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("options", [("--minutes", "-1"), ("--minutes", "soon"), ("--trials", "0"), ("--seed", "-3")])
def test_bad_arguments_are_refused(options):
    assert RUN.invoke(app, ["tune", *options]).exit_code == 2
