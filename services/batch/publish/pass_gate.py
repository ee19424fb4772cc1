"""The quality gate before publishing: a worse generation than the served one needs a reason from a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.batch.evaluate.gate import judge
from shared.artifacts.generation import (
    GateVerdict,
    GenerationManifest,
    artifact_folder,
    read_manifest,
    verify_artifact,
)
from shared.errors import ArtifactError, GateRefusedError

if TYPE_CHECKING:
    from services.batch.ingest.snapshot import Snapshot
    from services.batch.runtime.context import RunContext
    from shared.layout import DataFolder
    from shared.settings import GateSettings


def pass_gate(context: RunContext, evaluation: str, served: str | None, *, accept: str | None) -> GateVerdict:
    """Compare an evaluation with that of the served generation.

    Args:
        context: of the run.
        evaluation: id of the evaluation artifact of the run.
        served: the generation served now.
        accept: the reason to publish a worse generation.

    Raises:
        GateRefusedError: it is significantly worse, and `accept` gives no reason.
    """
    folder = context.folder
    before = _evaluation_of(folder, served)
    verdict = judge(
        artifact_folder(folder, "evaluation", evaluation),
        None if before is None else artifact_folder(folder, "evaluation", before),
        context.settings.gate,
    )
    if verdict.verdict != "worse":
        return verdict
    return _accepted(verdict, accept, where=f"evaluation-{evaluation} against generation {served}")


def pass_gate_by_books(
    snapshot: Snapshot, served: GenerationManifest, settings: GateSettings, *, accept: str | None
) -> GateVerdict | None:
    """Refuse a run that keeps the served lists and evaluation if it lost too many books.

    Returns the verdict of the served generation, which is still valid.

    Raises:
        GateRefusedError: the run lost more books than allowed, and `accept` gives no reason.
    """
    n_books, n_served = snapshot.manifest.counts.active_books, served.counts["books"]
    is_other_source = snapshot.manifest.source.name != served.source
    if not settings.enabled or is_other_source or n_books >= n_served * (1 - settings.max_loss):
        return served.gate
    reason = (
        f"{n_served - n_books:,} of {n_served:,} books are gone since the served generation; "
        f"{settings.max_loss:.0%} may be."
    )
    verdict = GateVerdict(verdict="worse", metric="books", reason=reason, value=n_books, served_value=n_served)
    return _accepted(verdict, accept, where=f"snapshot {snapshot.id} against generation {served.id}")


def _accepted(verdict: GateVerdict, accept: str | None, *, where: str) -> GateVerdict:
    """The verdict with its `accept` reason; raises if a refusal has none."""
    if accept is None:
        raise GateRefusedError(
            f"The quality gate refused: {verdict.reason}",
            where=where,
            hint="The served generation stays. Check the data for the cause. To publish anyway, give a reason: "
            "--accept 'REASON'.",
        )
    return verdict.model_copy(update={"accepted_because": accept})


def _evaluation_of(folder: DataFolder, generation: str | None) -> str | None:
    """The evaluation artifact of a generation, if it exists and is complete."""
    if generation is None:
        return None
    try:
        evaluation = read_manifest(folder, generation).evaluation
        if evaluation is not None:
            verify_artifact(artifact_folder(folder, "evaluation", evaluation))
    except ArtifactError:
        return None
    return evaluation
