"""The search: a tree-structured Parzen estimator (Optuna) proposes settings; bad trials are pruned.

Bergstra et al., "Algorithms for hyper-parameter optimization", NIPS 2011. Two of three trials keep the factors and item
transitions of the best trial and vary only the blend, which needs no new factors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from services.batch.metrics.bootstrap import paired_difference
from services.batch.tune.record import Trial, Value
from services.batch.tune.space import FACTOR_SETTINGS, Range
from shared.errors import ModelError, install_hint

if TYPE_CHECKING:
    import optuna

N_PARTS = 3  # parts of the users; a trial may be pruned after each
_TRIALS_PER_CHOICE_OF_FACTORS = 3
_MIN_USERS_TO_PRUNE = 50
_MARGIN = 0.02  # pruning margin, relative to the best value
_MAX_REPEATS = 100
_INTERVAL_SEED = 7

Score = Callable[[Mapping[str, Value]], Iterator[NDArray[np.float64]]]


@dataclass(frozen=True)
class Found:
    """All trials, and the settings of the best of those scored on all users."""

    trials: list[Trial]
    best: dict[str, Value]


def search(
    space: Mapping[str, Range],
    present: Mapping[str, Value],
    score: Score,
    *,
    seconds: float,
    max_trials: int,
    seed: int,
    on_trial: Callable[[Trial, float], None],
) -> Found:
    """Score the current settings, then others until the time is up.

    Args:
        space: ranges by dotted name.
        present: current values by dotted name.
        score: yields the scores of the test users with given values, float64, (n,), in parts.
        seconds: no trial starts later.
        max_trials: maximum number of trials.
        seed: the same seed gives the same trials in the same order.
        on_trial: called with each trial and the best value so far.

    Raises:
        ModelError: Optuna is not installed.
    """
    started = time.monotonic()
    run = _Run(space, score, seed)
    run.try_present(present)
    on_trial(run.trials[0], run.best_value)
    while time.monotonic() - started < seconds and len(run.trials) < max_trials and run.n_repeats < _MAX_REPEATS:
        if run.try_another():
            on_trial(run.trials[-1], run.best_value)
    return Found(run.trials, run.best)


class _Run:
    """The state of a search."""

    def __init__(self, space: Mapping[str, Range], score: Score, seed: int) -> None:
        self._optuna = _optuna()
        self._space, self._score = space, score
        self._study = self._optuna.create_study(
            direction="maximize", sampler=self._optuna.samplers.TPESampler(seed=seed)
        )
        self._distributions = {name: _distribution(self._optuna, one) for name, one in space.items()}
        self._tried: dict[tuple[Value, ...], Trial] = {}
        self._scores_of_best: NDArray[np.float64] | None = None
        self.trials: list[Trial] = []
        self.best: dict[str, Value] = {}
        self.n_repeats = 0

    @property
    def best_value(self) -> float:
        """The mean score of the best trial so far."""
        return 0.0 if self._scores_of_best is None else float(self._scores_of_best.mean())

    def try_present(self, present: Mapping[str, Value]) -> None:
        """Score the current settings; the sampler uses the result if they are within the ranges."""
        trial = self._score_trial(dict(present))
        within = all(
            isinstance(value, int | float) and self._space[name].low <= value <= self._space[name].high
            for name, value in present.items()
        )
        if within:
            known = self._optuna.trial.create_trial(
                params=dict(present), distributions=dict(self._distributions), value=trial.value
            )
            self._study.add_trial(known)

    def try_another(self) -> bool:
        """Score another set of settings; returns whether it is new."""
        if len(self.trials) % _TRIALS_PER_CHOICE_OF_FACTORS:
            kept = {name: value for name, value in self.best.items() if name.startswith(FACTOR_SETTINGS)}
            if kept and len(kept) < len(self.best) and self._are_within(kept):
                self._study.enqueue_trial(kept)
        asked = self._study.ask(dict(self._distributions))
        settings: dict[str, Value] = {name: _plain(asked.params[name]) for name in self._space}
        before = self._tried.get(tuple(settings.values()))
        trial = before or self._score_trial(settings)
        if trial.pruned:
            asked.report(trial.value, step=trial.n_users)
            self._study.tell(asked, state=self._optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(asked, trial.value)
        self.n_repeats = self.n_repeats + 1 if before else 0
        return before is None

    def _are_within(self, values: Mapping[str, Value]) -> bool:
        return all(
            isinstance(value, int | float) and self._space[name].low <= value <= self._space[name].high
            for name, value in values.items()
        )

    def _score_trial(self, settings: dict[str, Value]) -> Trial:
        """Score these settings; stop if they are significantly worse than the best so far."""
        started = time.perf_counter()
        scores, pruned, n_parts = np.empty(0), False, 0
        for part in self._score(settings):
            scores, n_parts = np.concatenate((scores, part)), n_parts + 1
            if n_parts < N_PARTS and self._is_hopeless(scores):
                pruned = True
                break
        trial = Trial(
            settings=settings,
            value=float(scores.mean()),
            n_users=len(scores),
            pruned=pruned,
            seconds=round(time.perf_counter() - started, 3),
        )
        if not pruned and (self._scores_of_best is None or trial.value > self.best_value):
            self._scores_of_best, self.best = scores, settings
        self.trials.append(trial)
        self._tried[tuple(settings.values())] = trial
        return trial

    def _is_hopeless(self, scores: NDArray[np.float64]) -> bool:
        """Whether the best so far is significantly better on these users, by more than the margin."""
        best = self._scores_of_best
        if best is None or len(scores) < _MIN_USERS_TO_PRUNE:
            return False
        of_best = best[: len(scores)]
        difference = paired_difference(scores, of_best, seed=_INTERVAL_SEED, n_resamples=500)
        return bool(difference.high < -_MARGIN * of_best.mean())


def _plain(value: object) -> Value:
    """The value without floating-point noise."""
    return round(value, 6) if isinstance(value, float) else value  # type: ignore[return-value]


def _distribution(library: Any, one: Range) -> optuna.distributions.BaseDistribution:
    distributions = library.distributions
    found: optuna.distributions.BaseDistribution
    if one.is_whole:
        found = distributions.IntDistribution(int(one.low), int(one.high), log=one.log)
    else:
        found = distributions.FloatDistribution(one.low, one.high, log=one.log, step=None if one.log else one.step)
    return found


def require_library() -> None:
    """Check for the library before data is read.

    Raises:
        ModelError: Optuna is not installed.
    """
    _optuna()


def _optuna() -> Any:
    try:
        import optuna  # noqa: PLC0415  # needs the extra `tune`
    except ImportError as error:
        raise ModelError(
            "The search for better settings needs the library optuna, which is not installed.",
            hint=install_hint("tune"),
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
