"""Settings of the next night: explicit values, then tuned values, then defaults."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.batch.night.steps import StepsOfRun
from services.batch.runtime.context import RunContext
from services.batch.tune.record import read_record, write_record
from services.batch.tune.space import SPACE
from services.batch.tune.tuned_settings import is_explicit, tuned_names, value_of, with_tuned, with_values
from shared.errors import ArtifactError
from shared.layout import DataFolder
from shared.settings import Settings, load_settings
from tests.worlds.evaluated_world import tuning_record

TUNED = {"collaborative.rank": 24, "blend.recent_books": 3, "blend.recency_decay": 0.9}


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path)
    write_record(folder, tuning_record().model_copy(update={"chosen": TUNED}))
    return folder


def test_every_setting_of_the_space_is_one_and_its_default_lies_within():
    for name, one in SPACE.items():
        assert one.low <= value_of(Settings(), name) <= one.high
        assert value_of(with_values(Settings(), {name: one.low}), name) == one.low
        assert value_of(with_values(Settings(), {name: one.high}), name) == one.high


def test_tuned_values_take_the_place_of_defaults(folder):
    settings = with_tuned(load_settings(data_dir=folder.root))
    assert {name: value_of(settings, name) for name in TUNED} == TUNED
    assert tuned_names(settings) == sorted(TUNED)
    untouched = settings.model_copy(update={"collaborative": Settings().collaborative, "blend": Settings().blend})
    assert untouched.model_dump() == load_settings(data_dir=folder.root).model_dump()
    assert with_tuned(settings) == settings


def test_the_environment_wins_over_them(folder, monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_COLLABORATIVE__RANK", "128")
    monkeypatch.setenv("NIGHTSHELF_BLEND__CONTENT_WEIGHT", "0.5")
    settings = with_tuned(load_settings(data_dir=folder.root))
    assert (settings.collaborative.rank, settings.blend.content_weight) == (128, 0.5)
    assert (settings.blend.recent_books, settings.blend.recency_decay) == (3, 0.9)
    assert is_explicit(settings, "collaborative.rank")
    assert tuned_names(settings) == ["blend.recency_decay", "blend.recent_books"]


def test_every_step_of_a_run_uses_them(folder):
    steps = StepsOfRun("run", RunContext(load_settings(data_dir=folder.root)))
    assert {name: value_of(steps._context.settings, name) for name in TUNED} == TUNED


def test_the_environment_is_not_read_again(folder, monkeypatch):
    loaded = load_settings(data_dir=folder.root)
    monkeypatch.setenv("NIGHTSHELF_BLEND__RECENT_BOOKS", "44")
    monkeypatch.setenv("NIGHTSHELF_REDIS_PREFIX", "other")
    for settings in (with_tuned(loaded), with_values(loaded, TUNED)):
        assert (settings.blend.recent_books, settings.redis_prefix) == (3, "ns")


def test_what_is_set_to_its_default_is_explicit_too(monkeypatch):
    assert not is_explicit(load_settings(), "collaborative.rank")
    monkeypatch.setenv("NIGHTSHELF_COLLABORATIVE__RANK", "64")
    assert is_explicit(load_settings(), "collaborative.rank")
    assert not is_explicit(load_settings(), "collaborative.seed")


def test_without_a_record_settings_stay_as_they_are(tmp_path):
    settings = load_settings(data_dir=tmp_path)
    assert with_tuned(settings).model_dump() == settings.model_dump()
    assert tuned_names(settings) == []


@pytest.mark.parametrize(
    "values", [{"collaborative.rank": 1}, {"blend.magic": 3}, {"magic.weight": 3}, {"blend.recent_books": "many"}]
)
def test_values_that_are_not_allowed_are_refused(folder, values):
    write_record(folder, tuning_record().model_copy(update={"chosen": values}))
    with pytest.raises(ArtifactError, match=r"invalid value.*tune --reset"):
        with_tuned(load_settings(data_dir=folder.root))
    with pytest.raises(ValidationError):
        with_values(Settings(), values)


def test_a_record_that_cannot_be_read_is_named(folder):
    folder.tuned.write_text('{"format": 1}')
    with pytest.raises(ArtifactError, match=r"tuned\.json.*tune --reset"):
        read_record(folder)
