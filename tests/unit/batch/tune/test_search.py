"""The search for better settings: it finds the best, prunes bad trials, and is repeatable."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from services.batch.tune.search import N_PARTS, search
from services.batch.tune.space import Range
from shared.errors import ModelError

SPACE = {
    "collaborative.rank": Range(4, 64, log=True),
    "blend.content_weight": Range(0.0, 1.0),
}
BEST = {"collaborative.rank": 16, "blend.content_weight": 0.7}
PRESENT = {"collaborative.rank": 60, "blend.content_weight": 0.05}
N_USERS = 300


def score(values):
    """Best at `BEST`; users differ from each other and not from trial to trial."""
    off = abs(np.log2(values["collaborative.rank"] / 16)) / 4 + abs(values["blend.content_weight"] - 0.7)
    users = np.random.default_rng(1).random(N_USERS) * 0.1
    yield from np.array_split(1 - off + users, N_PARTS)


def found(**choices):
    choices = {"seconds": 60, "max_trials": 80, "seed": 7, "on_trial": lambda _trial, _best: None} | choices
    return search(SPACE, PRESENT, score, **choices)


def test_it_finds_what_is_best():
    result = found()
    assert result.best["collaborative.rank"] == pytest.approx(BEST["collaborative.rank"], abs=4)
    assert result.best["blend.content_weight"] == pytest.approx(BEST["blend.content_weight"], abs=0.07)
    assert result.trials[0].settings == PRESENT
    whole = [trial for trial in result.trials if not trial.pruned]
    assert max(whole, key=lambda trial: trial.value).settings == result.best


def test_hopeless_trials_are_given_up_after_a_part_of_the_users():
    trials = found().trials
    pruned = [trial for trial in trials if trial.pruned]
    assert pruned
    assert all(trial.n_users == N_USERS // N_PARTS for trial in pruned), "here the first part says it all"
    best = max(trial.value for trial in trials if not trial.pruned)
    assert all(trial.value < best for trial in pruned)


def test_most_trials_keep_the_factors_of_the_best():
    trials = found(max_trials=40).trials
    assert len({trial.settings["collaborative.rank"] for trial in trials}) < len(trials) / 2


def test_the_same_seed_gives_the_same_trials():
    def what(result):
        return [(trial.settings, trial.value, trial.pruned) for trial in result.trials]

    once, again, other = found(max_trials=25), found(max_trials=25), found(max_trials=25, seed=8)
    assert what(once) == what(again) != what(other)


def test_without_time_only_the_present_settings_are_scored():
    seen = []
    result = found(seconds=0, on_trial=lambda trial, best: seen.append((trial, best)))
    assert (len(result.trials), result.best) == (1, PRESENT)
    assert seen == [(result.trials[0], pytest.approx(result.trials[0].value))]


def test_present_settings_outside_the_ranges_are_scored_as_they_are():
    result = search(
        SPACE, PRESENT | {"collaborative.rank": 1000}, score, seconds=60, max_trials=12, seed=7,
        on_trial=lambda _trial, _best: None,
    )  # fmt: skip
    assert result.trials[0].settings["collaborative.rank"] == 1000
    assert result.best["collaborative.rank"] <= 64


def test_a_space_that_is_exhausted_ends_the_search():
    tiny = {"blend.recent_books": Range(1, 3, log=True)}

    def of_tiny(values):
        yield np.full(N_USERS, 1 / values["blend.recent_books"])

    result = search(
        tiny, {"blend.recent_books": 3}, of_tiny, seconds=60, max_trials=1000, seed=7, on_trial=lambda *_: None
    )
    assert result.best == {"blend.recent_books": 1}
    assert len(result.trials) == 3


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ModelError, match=r"optuna.*\[tune\]"):
        found()
