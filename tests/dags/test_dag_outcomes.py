"""What becomes of a run when its steps end well, are refused, fail or find another run: against the double."""

from __future__ import annotations

import json

import pytest

from services.batch.night.step_table import STEPS

pytestmark = pytest.mark.slow
NIGHT = [*(step.name for step in STEPS), "release"]


@pytest.fixture
def run(airflow, fake_command, webhook, tmp_path):
    """Run a DAG with the double; the outcome with all calls of the command in it."""

    def run_dag(dag_id, plan=None, **arguments):
        calls = tmp_path / "calls"
        surroundings = {
            "NIGHTSHELF_BIN": str(fake_command),
            "FAKE_CALLS": str(calls),
            "FAKE_PLAN": json.dumps(plan or {}),
            "NIGHTSHELF_TIMEZONE": "Asia/Tokyo",
            "NIGHTSHELF_ALERT_WEBHOOK": webhook.url,
        }
        outcome = airflow.ask("dag_test", surroundings, dag_id=dag_id, **arguments)
        return outcome | {"calls": [json.loads(line) for line in calls.read_text().splitlines()]}

    return run_dag


def states(outcome):
    return {name: task["state"] for name, task in outcome["tasks"].items()}


def test_each_step_gets_the_ids_of_its_run(run):
    outcome = run("nightly_recommendations", logical_date="2026-01-31T18:00:00+00:00")
    assert outcome["state"] == "success"
    run_of = ["--run", outcome["run"]]
    made = [*run_of, "--snapshot", "snapshot-1"]
    calls = {step: options for step, *options in outcome["calls"]}
    assert sorted(calls) == sorted(NIGHT)
    assert len(outcome["calls"]) == len(NIGHT)
    assert calls["ingest"] == [*run_of, "--date", "2026-02-01"], "the local date, in Tokyo"
    for step in ("embed", "factor", "top-n", "index", "evaluate"):
        assert calls[step] == made
    assert calls["gate"] == [*made, "--served", "generation-1"]
    publish = [*made, "--generation", "generation-2", "--served", "generation-1", "--date", "2026-02-01"]
    assert calls["publish"] == publish
    assert calls["collect"] == calls["release"] == run_of
    assert outcome["assets"] == {
        "nightshelf://snapshot/": {"snapshot": "snapshot-1", "night": "2026-02-01"},
        "nightshelf://generation/": {"generation": "generation-2", "published": True},
    }
    assert all(len(json.dumps(value)) < 1000 for value in outcome["returned"].values())


def test_a_refused_gate_is_tried_once_reported_publishes_nothing_and_gives_the_folder_back(run, webhook):
    outcome = run("nightly_recommendations", {"gate": {"exit": 3}})
    assert outcome["state"] == "failed"
    assert outcome["tasks"]["gate"] == {"state": "failed", "tries": 1}
    assert states(outcome)["publish"] == states(outcome)["collect"] == "upstream_failed"
    assert states(outcome)["release"] == "success"
    assert [step for step, *_ in outcome["calls"]].count("gate") == 1
    [(_, body)] = webhook.received
    assert json.loads(body)["task_id"] == "gate"
    assert "working at gate" in json.loads(body)["error"]


def test_a_step_that_fails_is_tried_again_until_its_retries_are_used_up_then_reported(run, webhook):
    outcome = run("store_events", {"store-events": {"exit": 1}})
    assert outcome["state"] == "failed"
    assert outcome["tasks"]["store_waiting_events"] == {"state": "failed", "tries": 2}
    assert len(webhook.received) == 1


@pytest.mark.parametrize("step", ["ingest", "index"])
def test_new_books_are_left_to_a_night_that_is_active(run, step):
    outcome = run("embed_new_books", {step: {"exit": 75}})
    assert outcome["state"] == "success"
    assert states(outcome)[step] == states(outcome)["publish"] == "skipped"
    assert states(outcome)["release"] == "success"


def test_new_books_wait_for_the_first_night(run):
    nothing_served = {"snapshot": "snapshot-1", "generation": "generation-2", "served": None}
    outcome = run("embed_new_books", {"ingest": {"says": json.dumps(nothing_served)}})
    assert states(outcome)["publish"] == "skipped"
    assert "publish" not in [step for step, *_ in outcome["calls"]]


def test_new_books_keep_the_lists_of_the_night(run):
    outcome = run("embed_new_books")
    assert [step for step, *_ in outcome["calls"]] == ["ingest", "embed", "index", "publish", "release"]
    assert outcome["calls"][3][-1] == "--keep-collaborative"


def test_a_rebuild_is_fresh_and_obeys_its_parameters(run):
    conf = {"source": "/data/books", "accept_reason": "a smaller shop"}
    calls = {step: options for step, *options in run("rebuild", conf=conf)["calls"]}
    assert calls["ingest"][2:4] == ["--source", "/data/books"]
    assert calls["ingest"][-1] == "--fresh"
    assert calls["gate"][-2:] == calls["publish"][-2:] == ["--accept", "a smaller shop"]


def test_a_rebuild_may_leave_it_at_measuring(run):
    outcome = run("rebuild", conf={"publish": False})
    assert outcome["state"] == "success"
    assert states(outcome)["gate"] == "success"
    assert states(outcome)["publish"] == states(outcome)["collect"] == "skipped"
    assert "publish" not in [step for step, *_ in outcome["calls"]]
