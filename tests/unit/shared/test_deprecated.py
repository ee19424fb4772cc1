"""Names of earlier versions: refused in the environment, translated where they are on disk."""

import re

import pytest

from shared import deprecated
from shared.deprecated import artifact_now, artifact_then, existing_file, generation_now, setting_now, tuning_now
from shared.environment import advice_on, variable_names, variable_of
from shared.errors import NightshelfError
from shared.settings import Settings, load_settings
from tests.paths import ROOT


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("companions", "item_transitions"),
        ("companions.window", "item_transitions.window"),
        ("companions.n_companions", "item_transitions.n_neighbors"),
        ("blend.kin_decay", "blend.same_series_author_decay"),
        ("blend.recent_books", "blend.recent_books"),
        ("data_dir", "data_dir"),
    ],
)
def test_the_name_of_a_setting_today(name, now):
    assert setting_now(name) == now
    assert setting_now(now) == now


def test_a_file_is_found_under_either_name_and_the_new_one_first(tmp_path):
    assert existing_file(tmp_path, "cluster_of.npy") == tmp_path / "cluster_of.npy"
    (tmp_path / "tribe_of.npy").touch()
    assert existing_file(tmp_path, "cluster_of.npy") == tmp_path / "tribe_of.npy"
    (tmp_path / "cluster_of.npy").touch()
    assert existing_file(tmp_path, "cluster_of.npy") == tmp_path / "cluster_of.npy"
    assert existing_file(tmp_path, "users.json") == tmp_path / "users.json"


def test_folders_of_artifacts_have_the_name_of_then():
    assert artifact_then("reranker-0a-b") == "ranker-0a-b"
    assert artifact_then("catalog-0a") == "catalog-0a"


def test_what_is_written_today_is_read_as_it_is():
    today = {"artifacts": {"reranker": "0a"}, "blend": {"trending_weight": 1}, "item_transitions": None, "tuned": []}
    assert generation_now(today) == today
    assert artifact_now({"kind": "reranker", "metadata": {}}) == {"kind": "reranker", "metadata": {}}
    assert tuning_now({"chosen": {"blend.trending_weight": 1}}) == {"chosen": {"blend.trending_weight": 1}}


def test_a_record_of_tuning_is_translated():
    retired = {"settings": {"blend.kin_weight": 1}, "left_out": ["ranker", "blend.recent_books"], "metric": "ndcg"}
    assert tuning_now(retired) == {
        "settings": {"blend.same_series_author_weight": 1},
        "left_out": ["reranker", "blend.recent_books"],
        "metric": "ndcg",
    }


def test_a_manifest_is_translated_at_every_depth():
    retired = {
        "parts": {"ranker": "0a"},
        "blend": {"trend_weight": 1, "recent_books": 2},
        "companions": {"n_companions": 3, "window": 4},
        "tuned": ["companions.window"],
    }
    assert generation_now(retired) == {
        "artifacts": {"reranker": "0a"},
        "blend": {"trending_weight": 1, "recent_books": 2},
        "item_transitions": {"n_neighbors": 3, "window": 4},
        "tuned": ["item_transitions.window"],
    }


def test_no_retired_name_is_the_successor_of_another():
    for table in (deprecated.SETTINGS, deprecated.FIELDS, deprecated.KINDS, deprecated.RECOMMENDERS):
        assert not set(table) & set(table.values())


def test_the_glossary_lists_every_retired_setting_and_file():
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    for retired, now in deprecated.SETTINGS.items():
        rest = "" if "." in retired else "__…"
        rows = [f"{name.replace('.', '__').upper()}{rest}" for name in (retired, now)]
        assert f"| `{rows[0]}` | `{rows[1]}` |" in glossary
    for now, retired in deprecated.FILES.items():
        assert f"| `{retired}` | `{now}` |" in glossary


def test_all_unknown_variables_are_in_one_error(monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_COMPANIONS__WINDOW", "20")
    monkeypatch.setenv("NIGHTSHELF_BLEND__KIN_WEIGHT", "1")
    monkeypatch.setenv("nightshelf_xylophone", "1")
    with pytest.raises(NightshelfError) as refused:
        load_settings()
    assert refused.value.what == (
        "These variables are not settings: "
        "NIGHTSHELF_BLEND__KIN_WEIGHT is now NIGHTSHELF_BLEND__SAME_SERIES_AUTHOR_WEIGHT; "
        "NIGHTSHELF_COMPANIONS__WINDOW is now NIGHTSHELF_ITEM_TRANSITIONS__WINDOW; NIGHTSHELF_XYLOPHONE."
    )


def test_a_retired_name_inside_a_group_given_as_json_is_refused_with_its_successor(monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_BLEND", '{"newcomer_books": 1, "kin_decay": 0.5}')
    with pytest.raises(NightshelfError) as refused:
        load_settings()
    assert refused.value.what == (
        "A setting is not allowed: NIGHTSHELF_BLEND__NEWCOMER_BOOKS is now NIGHTSHELF_BLEND__COLD_START_BOOKS; "
        "NIGHTSHELF_BLEND__KIN_DECAY is now NIGHTSHELF_BLEND__SAME_SERIES_AUTHOR_DECAY."
    )


@pytest.mark.parametrize("retired", deprecated.SETTINGS)
def test_every_retired_setting_has_a_successor_that_is_a_setting(retired):
    known = set(variable_names(Settings))
    assert f"NIGHTSHELF_{setting_now(retired).replace('.', '__').upper()}" in known
    assert f"NIGHTSHELF_{retired.replace('.', '__').upper()}" not in known


@pytest.mark.parametrize("removed", deprecated.REMOVED_SETTINGS)
def test_a_removed_setting_is_refused_with_the_reason(monkeypatch, removed):
    variable = variable_of(removed)
    assert variable not in set(variable_names(Settings))
    monkeypatch.setenv(variable, "1")
    with pytest.raises(NightshelfError, match=f"{variable} was removed: ") as refused:
        load_settings()
    named = set(re.findall(r"NIGHTSHELF_\w+", refused.value.what)) - {variable}
    assert named <= set(variable_names(Settings))


@pytest.mark.parametrize(
    ("variable", "advice"),
    [
        ("BLEND_KIN_WEIGHT", " (did you mean NIGHTSHELF_BLEND__SAME_SERIES_AUTHOR_WEIGHT?)"),
        ("BLEND__KIN_WEIGT", " (did you mean NIGHTSHELF_BLEND__SAME_SERIES_AUTHOR_WEIGHT?)"),
        ("COMPANIONS_WINDOW", " (did you mean NIGHTSHELF_ITEM_TRANSITIONS__WINDOW?)"),
        ("CONTENT_MIN_RECALL", " (did you mean NIGHTSHELF_CONTENT__MIN_RECALL, which was removed?)"),
        ("DATA__DIR", " (did you mean NIGHTSHELF_DATA_DIR?)"),
        ("SORUCE", " (did you mean NIGHTSHELF_SOURCE?)"),
        ("COMPANIONS__BOGUS", " (the group is now NIGHTSHELF_ITEM_TRANSITIONS, and has no BOGUS)"),
        ("BLEND__FOO_WEIGHT", ""),
        ("EPOCH", ""),
        ("FOO", ""),
        ("", ""),
    ],
)
def test_the_advice_on_an_unknown_variable(variable, advice):
    assert advice_on(f"NIGHTSHELF_{variable}", Settings) == f"NIGHTSHELF_{variable}{advice}"
