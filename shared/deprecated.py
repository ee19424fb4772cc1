"""Retired names and their current ones: settings, files, and fields of files.

Settings under a retired name are refused (`shared.settings`). Files are read under either name and written only under
the current one, so that a data folder of an earlier version stays usable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SETTINGS = {
    "companions": "item_transitions",
    "companions.n_companions": "item_transitions.n_neighbors",
    "companions.trend_half_life": "item_transitions.trending_half_life",
    "ranker": "reranker",
    "content.tribes": "content.clusters",
    "blend.companion_weight": "blend.item_transitions_weight",
    "blend.companion_candidates": "blend.item_transitions_candidates",
    "blend.companion_recent_books": "blend.item_transitions_recent_books",
    "blend.companion_decay": "blend.item_transitions_decay",
    "blend.kin_weight": "blend.same_series_author_weight",
    "blend.kin_candidates": "blend.same_series_author_candidates",
    "blend.kin_recent_books": "blend.same_series_author_recent_books",
    "blend.kin_decay": "blend.same_series_author_decay",
    "blend.trend_weight": "blend.trending_weight",
    "blend.few_books_trend_weight": "blend.few_books_trending_weight",
    "blend.newcomer_books": "blend.cold_start_books",
    "blend.newcomer_content_weight": "blend.cold_start_content_weight",
}
"""Dotted names. A group covers its settings without a line of their own."""

FILES = {
    "artifact.json": "part.json",
    "item_transitions.numbers.npy": "companions.numbers.npy",
    "item_transitions.scores.npy": "companions.scores.npy",
    "trending.numbers.npy": "trend.numbers.npy",
    "trending.scores.npy": "trend.scores.npy",
    "cluster_of.npy": "tribe_of.npy",
    "clusters.json": "tribes.json",
    "metadata.npy": "facts.npy",
}
"""Retired names of files inside an artifact, by current name."""

KINDS = {"ranker": "reranker"}
FIELDS = {
    "parts": "artifacts",
    "companions": "item_transitions",
    "facts": "metadata",
    "tribes": "clusters",
    "tribe": "cluster",
}
RECOMMENDERS = {
    "companions": "item_transitions",
    "served-companions": "served-item_transitions",
    "served-kin": "served-same_series_author",
}

# Variables of the containers, the DAGs, the benchmarks and the tests. They are not settings.
OTHER_VARIABLES = frozenset(
    f"NIGHTSHELF_{name}"
    for name in (
        "AIRFLOW_METRICS", "AIRFLOW_URL", "ALERT_WEBHOOK", "API_MEMORY", "BIN", "BIND", "DATASETS", "NIGHTLY_CRON",
        "NIGHT_CPUS", "NIGHT_MEMORY", "PIP_EXTRA", "PORT", "SETTINGS_FILE", "STEPS_AT_ONCE", "TIMEZONE", "VERSION",
    )
)  # fmt: skip
# Kubernetes sets these for a service whose name starts with `nightshelf`.
OF_A_SERVICE = re.compile(r"NIGHTSHELF(_\w+)?_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")


def setting_now(name: str) -> str:
    """The current dotted name of a setting."""
    group, dot, field = name.partition(".")
    return SETTINGS.get(name) or f"{SETTINGS.get(group, group)}{dot}{field}"


def artifact_then(name: str) -> str:
    """The retired name of an artifact's folder, `<kind>-<id>`."""
    kind, dash, identity = name.partition("-")
    return f"{next((then for then, now in KINDS.items() if now == kind), kind)}{dash}{identity}"


def existing_file(path: Path, name: str) -> Path:
    """The file of this name in an artifact's folder, or of its retired name if only that exists."""
    file = path / name
    retired = path / FILES.get(name, name)
    return retired if retired.exists() and not file.exists() else file


def renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The same values under current names."""
    return {names.get(name, name): value for name, value in values.items()}


def artifact_now(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `part.json` as `artifact.json` has them."""
    fields = renamed(raw, FIELDS)
    return fields | {"kind": KINDS.get(fields.get("kind", ""), fields.get("kind"))}


def generation_now(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a generation's manifest under current names."""
    fields = renamed(raw, FIELDS)
    for name, names in (
        ("artifacts", KINDS),
        ("blend", _of_group("blend")),
        ("item_transitions", _of_group("companions")),
    ):
        if isinstance(fields.get(name), dict):
            fields[name] = renamed(fields[name], names)
    return fields | {"tuned": [setting_now(name) for name in fields.get("tuned", [])]}


def source_now(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The source of a snapshot. `has_clock_time` became `order`; without times, the order of the rows counted."""
    fields = dict(raw)
    if "has_clock_time" in fields:
        of_rows = "none" if fields.get("kind") == "book-crossing" else "time"
        fields.setdefault("order", "time" if fields.pop("has_clock_time") else of_rows)
    return fields


def tuning_now(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A tuning record, or one of its trials, with current setting names."""
    fields = dict(raw)
    for name in ("settings", "present", "found", "chosen"):
        if isinstance(fields.get(name), dict):
            fields[name] = {setting_now(setting): value for setting, value in fields[name].items()}
    if "left_out" in fields:
        fields["left_out"] = [setting_now(name) for name in fields["left_out"]]
    return fields


def _of_group(group: str) -> dict[str, str]:
    """Retired names of a group's settings, without the group."""
    prefix = f"{group}."
    return {
        name.removeprefix(prefix): now.partition(".")[2] for name, now in SETTINGS.items() if name.startswith(prefix)
    }
