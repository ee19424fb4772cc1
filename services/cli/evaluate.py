"""`nightshelf evaluate`: compare the recommendations with baselines."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import DataDir, open_source, out, settings_for
from shared.errors import ArtifactError, NightshelfError
from shared.layout import DataFolder, write_durably

if TYPE_CHECKING:
    from services.batch.evaluate.evaluate import Evaluated, SplitKind
    from services.batch.evaluate.evaluation import Evaluation
    from services.batch.runtime.progress import Progress
    from shared.settings import Settings


class OrderName(StrEnum):
    """What interactions may know of order."""

    TIME = "time"
    SEQUENCE = "sequence"
    NONE = "none"


class SplitName(StrEnum):
    """The available splits."""

    TIME = "time"
    LAST = "last"
    RANDOM = "random"
    COLD_BOOKS = "cold-books"
    COLD_USERS = "cold-users"


_Splits = Annotated[
    list[SplitName] | None, typer.Option(help="May be given several times; by default what the order allows.")
]
_Order = Annotated[
    OrderName | None,
    typer.Option(help="What the interactions know of order; by default what the data says, `sequence` for files."),
]


def evaluate(
    source: Annotated[
        str | None,
        typer.Option(help="A folder of books and ratings, or `demo`; nothing is published.", show_default=False),
    ] = None,
    generation: Annotated[
        str | None,
        typer.Option(help="A published generation; by default the data ingested last.", show_default=False),
    ] = None,
    train: Annotated[
        Path | None, typer.Option(help="With --test: the training file, one user per line.", show_default=False)
    ] = None,
    test: Annotated[Path | None, typer.Option(help="The interactions to predict.", show_default=False)] = None,
    split: _Splits = None,
    order: _Order = None,
    system: Annotated[
        list[str] | None, typer.Option(help="Score this one; may be given several times. By default all.")
    ] = None,
    users: Annotated[int | None, typer.Option(help="Maximum number of test users; by default all.", min=1)] = None,
    figures: Annotated[Path, typer.Option("--out", help="File for the figures, as JSON.")] = Path("evaluation.json"),
    data_dir: DataDir = None,
    *,
    report: Annotated[
        bool, typer.Option(help="Write a page next to the figures; for a generation also the one at /report.")
    ] = True,
) -> None:
    """Compare the served pipeline with its parts and with baselines on held-out data."""
    from services.batch.evaluate.evaluate import evaluate as compare_on_splits
    from services.batch.evaluate.evaluate import evaluate_files
    from services.batch.runtime.context import RunContext
    from services.batch.runtime.progress import ConsoleProgress

    settings, progress = _settings(data_dir, generation if source is None else None), ConsoleProgress(out)
    context, declared, only = RunContext(settings, progress), None if order is None else order.value, system or []
    if train is not None and test is not None and source is None and generation is None and not split:
        evaluation = evaluate_files(train, test, context, only=only, max_users=users, order=declared)
    elif train is None and test is None and (source is None or generation is None):
        kinds: list[SplitKind] = [name.value for name in split or []]
        with _evaluated(settings, source, generation, progress) as data:
            evaluation = compare_on_splits(data, kinds, context, only=only, max_users=users, order=declared)
    else:
        raise NightshelfError(
            "These options do not go together.",
            where="--source, --generation, --train, --test, --split",
            hint="Use --source or --generation with any --split, or --train and --test alone.",
        )
    _show(figures, evaluation)
    if report:
        for page in _write_reports(figures, evaluation, settings):
            out.print(f"The report: {page}", highlight=False, soft_wrap=True)


def _show(figures: Path, evaluation: Evaluation) -> None:
    """Write the figures and print them as tables."""
    from services.batch.evaluate.evaluation import write_evaluation
    from services.cli.evaluation_tables import evaluation_table

    write_evaluation(figures, evaluation)
    out.print(evaluation_table(evaluation))
    out.print(f"All figures with their intervals: {figures}", highlight=False, soft_wrap=True)


def _write_reports(figures: Path, evaluation: Evaluation, settings: Settings) -> list[Path]:
    """Write the page next to the figures, for a generation also to the data folder; returns the paths."""
    from services.batch.report.document import Report
    from services.batch.report.page import page
    from services.batch.report.write_report import report_of_generation, write_report
    from shared.artifacts.generation import open_generation

    beside = figures.with_suffix(".html")
    if evaluation.generation is None:
        write_durably(beside, page(Report(scope="full", evaluation=evaluation)))
        return [beside]
    folder = DataFolder(settings.data_dir)
    generation = open_generation(folder, evaluation.generation)
    whole = report_of_generation(folder, generation, evaluation, settings)
    write_durably(beside, page(whole))
    served = folder.report(generation.id, "full")
    write_report(served, whole)
    return [beside, served]


def _settings(data_dir: Path | None, generation: str | None) -> Settings:
    """The settings of the next night, or of a generation."""
    from services.batch.tune.tuned_settings import with_tuned
    from shared.artifacts.generation import read_manifest
    from shared.settings import CollaborativeSettings

    settings = with_tuned(settings_for(data_dir))
    if generation is None:
        return settings
    manifest = read_manifest(DataFolder(settings.data_dir), generation)
    made_with: dict[str, object] = {"blend": manifest.blend}
    if manifest.collaborative is not None:
        made_with["collaborative"] = CollaborativeSettings.model_validate(manifest.collaborative)
    return settings.model_copy(update=made_with)


@contextmanager
def _evaluated(
    settings: Settings, source: str | None, generation: str | None, progress: Progress
) -> Iterator[Evaluated]:
    """The data to evaluate. A source is ingested into a temporary data folder that shares the stored vectors."""
    folder = DataFolder(settings.data_dir)
    if source is None:
        yield _of_folder(folder, settings, generation, progress)
        return
    from services.batch.ingest.ingest import ingest
    from services.batch.runtime.context import RunContext

    folder.embeddings.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="nightshelf-evaluate-") as name:
        beside = DataFolder(Path(name))
        beside.embeddings.symlink_to(folder.embeddings.resolve())
        context = RunContext(settings.model_copy(update={"data_dir": beside.root}), progress)
        ingest(context, open_source(settings, source))
        yield _of_folder(beside, settings, None, progress)


def _of_folder(folder: DataFolder, settings: Settings, generation: str | None, progress: Progress) -> Evaluated:
    from services.batch.evaluate.evaluate import Evaluated
    from services.batch.ingest.snapshot import current_snapshot, open_snapshot
    from services.batch.night.artifacts import ArtifactBuilder
    from services.batch.runtime.context import RunContext
    from shared.artifacts.generation import artifact_folder, read_manifest

    if generation is not None:
        manifest = read_manifest(folder, generation)
        content = artifact_folder(folder, "content", manifest.artifacts["content"])
        return Evaluated(open_snapshot(folder, manifest.snapshot), content, generation)
    snapshot = current_snapshot(folder)
    if snapshot is None:
        raise ArtifactError(
            "There is no data to evaluate.", where=str(folder.root), hint="Run `nightshelf ingest`, or add --source."
        )
    context = RunContext(settings.model_copy(update={"data_dir": folder.root}), progress)
    return Evaluated(snapshot, ArtifactBuilder(context, snapshot).folder_of("content"), None)
