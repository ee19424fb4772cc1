"""The quality gate before publishing: a worse generation than the served one needs a reason from a person.

Data loss is looked at first, then the figures. A night that cannot be compared is published only as the first one, or
with a reason. If neither night has enough readers for figures, as in a small shop, the counts of the data decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.batch.evaluate.gate import METRIC, judge
from services.batch.evaluate.nightly_evaluation import NightlyMetrics, read_metrics
from services.batch.publish.data_gate import COUNTED, comparable_counts, is_first_of_real_readers, judge_data
from shared.artifacts.generation import (
    GateVerdict,
    GenerationManifest,
    artifact_folder,
    read_manifest,
    read_pointer_file,
    verify_artifact,
)
from shared.errors import ArtifactError, GateRefusedError

if TYPE_CHECKING:
    from services.batch.ingest.snapshot import Snapshot
    from services.batch.runtime.context import RunContext
    from shared.layout import DataFolder
    from shared.settings import Settings

_FIRST = "There was nothing to compare with: this is the first generation of this data."


def pass_gate(
    context: RunContext, snapshot: Snapshot, evaluation: str, served: str | None, *, accept: str | None
) -> GateVerdict:
    """Compare the data and the evaluation of a night with those of the served generation.

    Args:
        context: of the run.
        snapshot: of the run.
        evaluation: id of the evaluation artifact of the run.
        served: the generation served now.
        accept: the reason to publish what the gate refuses.

    Raises:
        GateRefusedError: it lost data, is significantly worse, or cannot be compared, and `accept` gives no reason.
    """
    where = f"evaluation-{evaluation} against generation {served}"
    if not context.settings.gate.enabled:
        return GateVerdict(verdict="off", metric=METRIC, reason="The gate is off.")
    before, refusal = _data_verdict(context, snapshot, served)
    if refusal is not None:
        return _accepted(refusal, accept, where=where)
    if before is None or is_first_of_real_readers(snapshot, before):
        return GateVerdict(verdict="no-comparison", metric=METRIC, reason=_FIRST, compared=_FIRST)
    new = artifact_folder(context.folder, "evaluation", evaluation)
    metrics = _metrics_of(context.folder, before)
    if metrics is None or before.evaluation is None:
        reason = "The served generation has no evaluation that can be read, so this night cannot be compared."
        verdict = GateVerdict(
            verdict="no-comparison", metric=METRIC, reason=reason, compared=_counted(snapshot, before)
        )
        return _accepted(verdict, accept, where=where)
    verdict = judge(new, artifact_folder(context.folder, "evaluation", before.evaluation), context.settings.gate)
    verdict = verdict.model_copy(update={"compared": _counted(snapshot, before) + _figures(verdict)})
    cannot_measure = metrics.comparable and not read_metrics(new).comparable
    if verdict.verdict == "worse" or cannot_measure:
        return _accepted(verdict, accept, where=where)
    return verdict


def pass_data_gate(context: RunContext, snapshot: Snapshot, served: str | None, *, accept: str | None) -> None:
    """Refuse a night by its data alone, before it builds anything.

    Raises:
        GateRefusedError: its data cannot have been meant, and `accept` gives no reason.
    """
    if context.settings.gate.enabled:
        _, refusal = _data_verdict(context, snapshot, served)
        if refusal is not None:
            _accepted(refusal, accept, where=f"snapshot {snapshot.id} against generation {served}")


def pass_gate_by_counts(
    snapshot: Snapshot, served: GenerationManifest, settings: Settings, *, accept: str | None
) -> GateVerdict | None:
    """Refuse a run that keeps the served lists and evaluation if it lost too much data.

    Returns the verdict of the served generation, which is still valid.

    Raises:
        GateRefusedError: the run lost more data than allowed or has another source, and `accept` gives no reason.
    """
    verdict = judge_data(snapshot, served, settings) if settings.gate.enabled else None
    if verdict is None:
        return served.gate
    return _accepted(verdict, accept, where=f"snapshot {snapshot.id} against generation {served.id}")


def _data_verdict(
    context: RunContext, snapshot: Snapshot, served: str | None
) -> tuple[GenerationManifest | None, GateVerdict | None]:
    """The served generation, and the verdict against this night by its data.

    If Redis was emptied, the pointer on disk still names what was served.
    """
    served = served or read_pointer_file(context.folder)
    try:
        before = None if served is None else read_manifest(context.folder, served)
    except ArtifactError as error:
        reason = f"The served generation cannot be read, so this night cannot be compared: {error.what}"
        return None, GateVerdict(verdict="no-comparison", metric=METRIC, reason=reason, compared=reason)
    verdict = judge_data(snapshot, before, context.settings)
    if verdict is not None:
        compared = _FIRST if before is None else _counted(snapshot, before)
        verdict = verdict.model_copy(update={"compared": compared})
    return before, verdict


def _counted(snapshot: Snapshot, before: GenerationManifest) -> str:
    """What was compared with what, in a sentence."""
    now, then = comparable_counts(snapshot, before)
    counts = ", ".join(f"{what} {getattr(now, what):,} against {getattr(then, what):,}" for what in COUNTED)
    events = "without events" if now.of_source else "with events"
    source = snapshot.manifest.source.name
    return f"Data of {source!r} compared with generation {before.id} of {before.source!r}, {events}: {counts}."


def _figures(verdict: GateVerdict) -> str:
    if verdict.value is None or verdict.served_value is None:
        return f" Figures were not compared: {verdict.reason}"
    return f" {verdict.metric} {verdict.value:.4f} against {verdict.served_value:.4f}, {verdict.n_users:,} users."


def _accepted(verdict: GateVerdict, accept: str | None, *, where: str) -> GateVerdict:
    """The verdict with its `accept` reason; raises if a refusal has none."""
    if accept is None:
        raise GateRefusedError(
            f"The quality gate refused: {verdict.reason}",
            where=where,
            hint="What is served stays. Check the data for the cause. To publish anyway, give a reason: "
            "--accept 'REASON'.",
        )
    return verdict.model_copy(update={"accepted_because": accept})


def _metrics_of(folder: DataFolder, served: GenerationManifest) -> NightlyMetrics | None:
    """The metrics of a generation; `None` if it has no evaluation, or a damaged one."""
    if served.evaluation is None:
        return None
    path = artifact_folder(folder, "evaluation", served.evaluation)
    try:
        verify_artifact(path)
        return read_metrics(path)
    except (ArtifactError, OSError, ValueError, KeyError):
        return None
