"""Names of earlier versions: translated where they are on disk."""

import pytest

from shared import deprecated
from shared.deprecated import artifact_now, artifact_then, existing_file, generation_now, setting_now, tuning_now
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
