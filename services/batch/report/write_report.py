"""Writes reports for the API, as a page and as JSON."""

from __future__ import annotations

from pathlib import Path

from services.batch.evaluate.evaluation import Evaluation
from services.batch.evaluate.metric_registry import METRICS
from services.batch.evaluate.nightly_evaluation import read_split
from services.batch.ingest.snapshot import Snapshot, open_snapshot
from services.batch.report.cluster_map_data import clusters_on_map
from services.batch.report.document import Report
from services.batch.report.page import page
from services.batch.report.sample_readers import sample_readers
from services.batch.tune.record import read_record
from shared.artifacts.generation import Generation, artifact_folder
from shared.layout import DataFolder, write_durably
from shared.settings import Settings


def write_report(path: Path, report: Report) -> None:
    """Write the page to this path, and the document next to it as `.json`."""
    written = page(report)
    write_durably(path.with_suffix(".json"), report.model_dump_json(indent=1).encode())
    write_durably(path, written)


def report_of_generation(
    folder: DataFolder, generation: Generation, evaluation: Evaluation, settings: Settings
) -> Report:
    """The report of an evaluation of this generation."""
    return Report(
        scope="full",
        evaluation=evaluation,
        tribes=clusters_on_map(artifact_folder(folder, "content", generation.manifest.artifacts["content"])),
        readers=sample_readers(folder, generation, open_snapshot(folder, generation.manifest.snapshot), settings),
        tuning=read_record(folder),
    )


def write_night_report(folder: DataFolder, generation: Generation, snapshot: Snapshot, settings: Settings) -> None:
    """Write the report of a night's own evaluation."""
    whole = report_of_generation(
        folder, generation, _evaluation_of_night(folder, generation, snapshot, settings), settings
    )
    write_report(folder.report(generation.id, "night"), whole.model_copy(update={"scope": "night"}))


def _evaluation_of_night(
    folder: DataFolder, generation: Generation, snapshot: Snapshot, settings: Settings
) -> Evaluation:
    manifest, counts = generation.manifest, snapshot.manifest.counts
    evaluation = manifest.evaluation
    split = None if evaluation is None else read_split(artifact_folder(folder, "evaluation", evaluation))
    return Evaluation(
        created_at=manifest.created_at,
        source=manifest.source,
        snapshot=manifest.snapshot,
        generation=manifest.id,
        simulated_readers=manifest.simulated_readers,
        n_books=counts.active_books,
        n_users=counts.users,
        n_interactions=counts.interactions,
        seed=settings.evaluation.seed,
        seconds=0,
        metrics=METRICS,
        splits=[] if split is None else [split],
    )
