"""The table of steps, and what derives from it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from services.batch.night.inputs import _VALUES
from services.batch.night.step_table import ARTIFACTS, STEP_NAMES, STEPS, dag_steps
from services.cli.step import steps as commands
from shared.artifacts.generation import ARTIFACT_KINDS
from tests.paths import ROOT


def test_the_dags_have_the_table_of_this_version():
    assert (ROOT / "dags" / "nightshelf_steps.json").read_text() == dag_steps(), "run `make dag-steps`"


def test_every_step_comes_after_those_it_needs():
    names = [step.name for step in STEPS]
    assert names[0] == "ingest"
    assert len(set(names)) == len(names)
    for place, step in enumerate(STEPS):
        assert set(step.after) <= set(names[:place]), step.name
        assert (step.after == ()) == (place == 0), step.name


def test_an_artifact_is_built_after_those_it_is_made_from():
    done = []
    for step in STEPS:
        for artifact in step.artifacts:
            needed = {name.removeprefix("artifact.") for name in artifact.inputs if name.startswith("artifact.")}
            assert needed <= set(done), artifact.kind
            done.append(artifact.kind)


def test_every_input_of_an_artifact_is_known():
    for artifact in ARTIFACTS.values():
        assert {name for name in artifact.inputs if not name.startswith("artifact.")} <= set(_VALUES), artifact.kind


def test_every_kind_of_a_generation_has_its_builder():
    assert {kind for kind, artifact in ARTIFACTS.items() if artifact.served} == set(ARTIFACT_KINDS)


def test_every_artifact_has_a_version_that_follows_from_its_source():
    versions = {kind: artifact.version for kind, artifact in ARTIFACTS.items()}
    assert all(len(version) == 12 for version in versions.values())
    assert len(set(versions.values())) == len(versions)


def test_every_step_is_a_command():
    names = [command.name or command.callback.__name__ for command in commands.registered_commands]
    assert names == [*(step.name for step in STEPS), "store-events", "release"]


def test_a_night_records_the_parts_of_publishing_and_leaves_collecting_to_schedulers():
    assert STEP_NAMES[0] == "ingest"
    assert STEP_NAMES[-5:] == ("lists", "user state", "verify", "report", "publish")
    assert "collect" not in STEP_NAMES


@pytest.mark.parametrize("module", ["services.batch.night.step_table", "services.cli.main"])
def test_reading_the_table_imports_nothing_heavy(module):
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    environment = {"PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    heavy = {"pandas", "faiss", "sklearn", "torch", "scipy", "pyarrow", "fastapi"}
    assert heavy.isdisjoint(json.loads(found.stdout))


def test_the_help_of_a_step_has_the_words_of_the_code():
    does = {step.name: step.does for step in STEPS}
    assert "clusters" in does["index"]
    assert not any("tribe" in line for line in does.values())
