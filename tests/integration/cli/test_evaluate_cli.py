"""`nightshelf evaluate` as a person runs it: data in, a table on the screen, a document beside it."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from services.batch.evaluate.evaluation import read_evaluation
from services.cli.evaluate import evaluate
from shared.errors import ArtifactError, NightshelfError, SourceError

RUN = CliRunner()


@pytest.fixture(scope="module")
def app():
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(evaluate)
    return app


@pytest.fixture
def run(app, tmp_path, monkeypatch):
    """Runs the command and returns the screen and the document."""
    monkeypatch.setenv("COLUMNS", "120")
    out = tmp_path / "found" / "evaluation.json"

    def run(*options):
        result = RUN.invoke(app, [*map(str, options), "--out", str(out)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output, read_evaluation(out)

    return run


def test_a_published_generation(library, run):
    shown, found = run(
        "--data-dir", library.settings.data_dir, "--generation", library.pointer, "--split", "last", "--split",
        "cold-books", "--system", "served-content", "--system", "popularity",
    )  # fmt: skip
    assert (found.generation, found.snapshot, found.n_books) == (library.pointer, library.snapshot.id, 80)
    assert [split.kind for split in found.splits] == ["last", "cold-books"]
    for split in found.splits:
        assert list(split.systems) == ["served", "served-content", "popularity"]
        assert split.n_users > 50
    cold = found.splits[1].systems
    assert cold["popularity"].figures["recall_at_10"].value == 0, "nobody has liked these"
    assert cold["served-content"].figures["recall_at_50"].low > 0
    assert "Served pipeline" in shown
    assert "drawn at random" in shown


def test_the_data_taken_in_last_and_all_systems(library, run):
    shown, found = run("--data-dir", library.settings.data_dir, "--split", "last")
    systems = found.splits[0].systems
    assert len(systems) == 12
    assert all(system.skipped is None for system in systems.values())
    assert all(system.title in shown for system in systems.values())
    figures = {name: system.figures["ndcg_at_10"].value for name, system in systems.items()}
    assert figures["served"] > figures["popularity"]
    assert systems["popularity"].served_minus["ndcg_at_10"].low > 0


def test_a_source_is_evaluated_without_a_trace(library, run):
    def traces():
        return {path.relative_to(library.folder.root) for path in library.folder.root.rglob("*")}

    before = traces()
    source = library.world.write(library.source_folder)
    shown, found = run(
        "--data-dir", library.settings.data_dir, "--source", source, "--split", "last", "--system", "popularity",
        "--users", 20,
    )  # fmt: skip
    assert (found.source, found.generation, found.splits[0].n_users) == ("small world", None, 20)
    assert "small world" in shown
    assert {path for path in traces() - before if path.parts[0] != "embeddings"} == set()


def test_two_files(tmp_path, run):
    train, test = tmp_path / "train.txt", tmp_path / "test.txt"
    train.write_text("".join(f"{user} {user % 4} {user % 4 + 4} 8\n" for user in range(40)))
    test.write_text("".join(f"{user} {user % 4 + 9}\n" for user in range(40)))
    _, found = run("--train", train, "--test", test, "--system", "item-knn", "--data-dir", tmp_path / "data")
    split = found.splits[0]
    assert (split.kind, split.n_users, split.n_test_books) == ("given", 40, 40)
    assert list(split.systems) == ["served", "item-knn"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (("--train", "a.txt"), NightshelfError, "do not go together"),
        (("--train", "a.txt", "--test", "b.txt", "--split", "last"), NightshelfError, "do not go together"),
        (("--source", "demo", "--generation", "x"), NightshelfError, "do not go together"),
        (("--train", "absent.txt", "--test", "absent.txt"), SourceError, "cannot be read"),
        (("--generation", "absent"), ArtifactError, "no generation 'absent'"),
        ((), ArtifactError, "no data to evaluate"),
    ],
)
def test_what_cannot_be_done_is_said(app, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        RUN.invoke(app, [*options, "--data-dir", str(tmp_path / "data")], catch_exceptions=False)
    assert not (tmp_path / "data").exists(), "a reading command leaves nothing behind"


def test_an_unknown_system_is_named(app, library):
    options = ["--data-dir", str(library.settings.data_dir), "--system", "crystal-ball", "--split", "last"]
    with pytest.raises(NightshelfError, match="no system called crystal-ball"):
        RUN.invoke(app, options, catch_exceptions=False)
