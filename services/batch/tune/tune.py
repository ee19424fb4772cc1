"""A whole search for better settings: data in, trials, a check on readers who took no part, one record out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from services.batch.ingest.snapshot import Snapshot
from services.batch.metrics.bootstrap import mean_interval, paired_difference
from services.batch.runtime.threads import bound_threads
from services.batch.tune.record import Trial, TuningRecord, Value, read_record
from services.batch.tune.search import N_PARTS, search
from services.batch.tune.space import SPACE, Range
from services.batch.tune.trials import TrialScores
from services.batch.tune.tuned_settings import is_explicit, reason_of, value_of, with_tuned, with_values
from services.batch.tune.tuning_split import tuning_split
from shared.errors import NightshelfError
from shared.layout import DataFolder
from shared.settings import Settings


def tune(
    snapshot: Snapshot,
    content_artifact: Path,
    settings: Settings,
    *,
    minutes: float,
    max_trials: int,
    seed: int,
    space: Mapping[str, Range] = SPACE,
    on_trial: Callable[[Trial, float], None] = lambda _trial, _best: None,
) -> TuningRecord:
    """Search, and say what was found; writes nothing.

    Args:
        snapshot: the data.
        content_artifact: folder of its content part.
        settings: as they were loaded, without what was tuned before: what is set explicitly is not searched.
        minutes: no trial begins later; at least the present settings are scored.
        max_trials: tried at most.
        seed: of the search.
        space: what is searched.
        on_trial: told each trial and the best value so far.

    Raises:
        NightshelfError: everything that could be searched is set explicitly.
        ArtifactError: there are too few test users.
        ModelError: Optuna is not installed.
    """
    left_out = [name for name in space if is_explicit(settings, name)]
    searched = {name: one for name, one in space.items() if name not in left_out}
    if not searched:
        raise NightshelfError(
            "Everything that could be tuned is set explicitly.",
            where=", ".join(left_out),
            hint="Unset what you want searched; the environment wins over what is tuned.",
        )
    known = tuning_split(snapshot, settings)
    now = with_tuned(settings)
    present = {name: value_of(now, name) for name in searched}
    with bound_threads(settings.batch.threads) as threads:
        scores = TrialScores(known.search, content_artifact, threads=threads)
        found = search(
            searched,
            present,
            lambda values: scores.of(known.search, _with(now, values), n_parts=N_PARTS),
            seconds=minutes * 60,
            max_trials=max_trials,
            seed=seed,
            on_trial=on_trial,
        )
        before, after = (
            np.concatenate(list(scores.of(known.check, _with(now, values)))) for values in (present, found.best)
        )
    difference = paired_difference(after, before, seed=settings.evaluation.seed)
    better = difference.low > 0
    earlier = read_record(DataFolder(settings.data_dir))
    kept = {} if earlier is None else earlier.chosen
    training = known.search.training
    return TuningRecord(
        created_at=datetime.now(UTC),
        source=snapshot.manifest.source.name,
        snapshot=snapshot.id,
        minutes=minutes,
        seed=seed,
        n_training_interactions=len(training.interactions),
        n_validation_interactions=known.search.n_test_interactions,
        n_unseen_interactions=known.n_unseen,
        n_search_users=len(known.search.rows),
        n_check_users=len(known.check.rows),
        left_out=left_out,
        present=present,
        found=found.best,
        before=mean_interval(before, seed=settings.evaluation.seed),
        after=mean_interval(after, seed=settings.evaluation.seed),
        difference=difference,
        better=better,
        chosen={**kept, **found.best} if better else kept,
        trials=found.trials,
    )


def _with(settings: Settings, values: Mapping[str, Value]) -> Settings:
    try:
        return with_values(settings, values)
    except ValidationError as error:
        raise NightshelfError(f"The range of a setting goes beyond what is allowed: {reason_of(error)}.") from error
