"""A whole search for better settings: trials, then a check on other users, then one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from services.batch.ingest.snapshot import Snapshot
from services.batch.metrics.bootstrap import mean_interval, paired_difference
from services.batch.runtime.threads import bound_threads
from services.batch.tune.record import Trial, TuningRecord, Value, read_record
from services.batch.tune.search import N_PARTS, search
from services.batch.tune.space import SPACE, Range, with_effect
from services.batch.tune.trials import TrialScores
from services.batch.tune.tuned_settings import is_explicit, reason_of, value_of, with_tuned, with_values
from services.batch.tune.tuning_split import TuningSplit, tuning_split
from shared.errors import NightshelfError
from shared.layout import DataFolder
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget of a search.

    Attributes:
        minutes: no trial starts later; the current settings are always scored.
        max_trials: maximum number of trials.
        seed: the same seed gives the same trials in the same order.
    """

    minutes: float
    max_trials: int
    seed: int


def tune(
    snapshot: Snapshot,
    content_artifact: Path,
    settings: Settings,
    budget: Budget,
    *,
    space: Mapping[str, Range] = SPACE,
    on_trial: Callable[[Trial, float], None] = lambda _trial, _best: None,
) -> TuningRecord:
    """Search for better settings, without writing the record.

    Args:
        snapshot: the data.
        content_artifact: folder of its content artifact.
        settings: as loaded, without tuned values.
        budget: time and number of trials.
        space: the search space; explicit settings, and those without effect on data of this order, are skipped.
        on_trial: called with each trial and the best value so far.

    Raises:
        NightshelfError: all settings of the space are explicit.
        ArtifactError: there are too few test users.
        ModelError: Optuna is not installed.
    """
    space = with_effect(space, snapshot.manifest.source.order)
    searched = _searched(space, settings)
    known = tuning_split(snapshot, settings)
    now = with_tuned(settings)
    present = {name: value_of(now, name) for name in searched}
    with bound_threads(settings.batch.threads) as threads:
        scores = TrialScores(known.search, content_artifact, threads=threads)
        found = search(
            searched,
            present,
            lambda values: scores.of(known.search, _with(now, values), n_parts=N_PARTS),
            seconds=budget.minutes * 60,
            max_trials=budget.max_trials,
            seed=budget.seed,
            on_trial=on_trial,
        )
        before, after = (scores.all_of(known.check, _with(now, values)) for values in (present, found.best))
    return TuningRecord(
        created_at=datetime.now(UTC),
        minutes=budget.minutes,
        seed=budget.seed,
        left_out=[name for name in space if name not in searched],
        present=present,
        found=found.best,
        trials=found.trials,
        **(_data(snapshot, known) | _check(settings, before, after, found.best)),
    )


def _searched(space: Mapping[str, Range], settings: Settings) -> dict[str, Range]:
    """The space without explicit settings."""
    searched = {name: one for name, one in space.items() if not is_explicit(settings, name)}
    if not searched:
        raise NightshelfError(
            "All tunable settings are set explicitly.",
            where=", ".join(space),
            hint="Unset the settings to tune; the environment takes precedence over tuned values.",
        )
    return searched


def _data(snapshot: Snapshot, known: TuningSplit) -> dict[str, Any]:
    """The fields of a record that describe the data."""
    return {
        "source": snapshot.manifest.source.name,
        "snapshot": snapshot.id,
        "n_training_interactions": len(known.search.training.interactions),
        "n_validation_interactions": known.search.n_test_interactions,
        "n_unseen_interactions": known.n_unseen,
        "n_search_users": len(known.search.rows),
        "n_check_users": len(known.check.rows),
    }


def _check(
    settings: Settings, before: NDArray[np.float64], after: NDArray[np.float64], found: Mapping[str, Value]
) -> dict[str, Any]:
    """The fields of a record with the check of the best trial, and the chosen settings."""
    seed = settings.evaluation.seed
    difference = paired_difference(after, before, seed=seed)
    better = difference.low > 0
    earlier = read_record(DataFolder(settings.data_dir))
    kept = {} if earlier is None else earlier.chosen
    return {
        "before": mean_interval(before, seed=seed),
        "after": mean_interval(after, seed=seed),
        "difference": difference,
        "better": better,
        "chosen": {**kept, **found} if better else kept,
    }


def _with(settings: Settings, values: Mapping[str, Value]) -> Settings:
    try:
        return with_values(settings, values)
    except ValidationError as error:
        raise NightshelfError(f"The range of a setting exceeds its allowed values: {reason_of(error)}.") from error
