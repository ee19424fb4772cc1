"""The gate: tests whether a night's evaluation is significantly worse than that of the served generation.

Two nights test on different days, so their figures differ by chance and by user behavior. A night is worse only if the
difference is significant *and* exceeds a tolerance. A broken candidate source, for instance with wrong descriptions, is
refused even if the others compensate for it. `services.batch.publish.data_gate` looks at the data before.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from services.batch.evaluate.nightly_evaluation import read_metrics
from services.batch.metrics.bootstrap import paired_difference, unpaired_difference
from shared.artifacts.generation import GateVerdict
from shared.settings import GateSettings

METRIC = "ndcg_at_10"
_HALVES = ("collaborative_ndcg_at_10", "content_ndcg_at_10")
_TOLERANCE_OF_A_HALF = 0.3  # allowed relative loss of a single candidate source
_SEED = 7
_ENOUGH_SHARED = 0.5  # share of each night's users that both must have for a paired comparison


def judge(new: Path, served: Path | None, settings: GateSettings) -> GateVerdict:
    """Compare two evaluation artifacts.

    The verdict's metric is `ndcg_at_10`, or the metric that was worse: `collaborative_ndcg_at_10` or
    `content_ndcg_at_10`.

    Args:
        new: the folder of this night's evaluation.
        served: that of the served generation; `None` if it has none.
        settings: tolerances.
    """
    if not settings.enabled:
        return GateVerdict(verdict="off", metric=METRIC, reason="The gate is off.")
    if served is None:
        return GateVerdict(
            verdict="no-comparison", metric=METRIC, reason="There is no served generation with an evaluation."
        )
    now, before = read_metrics(new), read_metrics(served)
    for metrics, whose in ((now, "This night"), (before, "The served generation")):
        if not metrics.comparable:
            reason = f"{whose} has no figures to compare: {metrics.reason}"
            return GateVerdict(verdict="no-comparison", metric=METRIC, reason=reason)
    of_all = _compared(new, served, METRIC, settings.tolerance)
    of_halves = [_compared(new, served, half, max(_TOLERANCE_OF_A_HALF, settings.tolerance)) for half in _HALVES]
    return next((verdict for verdict in (of_all, *of_halves) if verdict.verdict == "worse"), of_all)


def _compared(new: Path, served: Path, metric: str, tolerance: float) -> GateVerdict:
    """Worse if the whole interval of the difference is below 0 by more than this share of the served value."""
    ours, theirs = _of_users(new, metric), _of_users(served, metric)
    shared = sorted(ours.keys() & theirs.keys())
    if len(shared) >= _ENOUGH_SHARED * max(len(ours), len(theirs)):
        values, served_values = (np.array([of_users[user] for user in shared]) for of_users in (ours, theirs))
        interval, users = paired_difference(values, served_values, seed=_SEED), f"{len(shared):,} common users"
    else:
        values, served_values = (np.array(list(of_users.values())) for of_users in (ours, theirs))
        interval = unpaired_difference(values, served_values, seed=_SEED)
        users = f"{len(values):,} and {len(served_values):,} users"
    value, served_value = float(values.mean()), float(served_values.mean())
    least = -tolerance * served_value
    return GateVerdict(
        verdict="worse" if interval.high < least else "pass",
        metric=metric,
        reason=(
            f"{metric} is {value:.4f} against {served_value:.4f} of the served generation: {interval.value:+.4f}, "
            f"95 % interval {interval.low:+.4f} to {interval.high:+.4f}, {users}. "
            f"Worse would be all of it below {least:+.4f}."
        ),
        value=value,
        served_value=served_value,
        low=interval.low,
        high=interval.high,
        n_users=min(len(values), len(served_values)),
    )


def _of_users(folder: Path, metric: str) -> dict[str, float]:
    users: list[str] = orjson.loads((folder / "users.json").read_bytes())
    values: NDArray[np.float32] = np.load(folder / f"{metric}.npy")
    return dict(zip(users, values.astype(np.float64).tolist(), strict=True))
