"""What the DAG files define, as Airflow's own processor reads them."""

from __future__ import annotations

import pytest

from services.batch.night.step_table import STEPS

NIGHT = {
    step.name.replace("-", "_"): sorted(later.name.replace("-", "_") for later in STEPS if step.name in later.after)
    for step in STEPS
}
EDGES = {
    "nightly_recommendations": NIGHT,
    "rebuild": NIGHT,
    "embed_new_books": {"ingest": ["embed"], "embed": ["index"], "index": ["publish"], "publish": []},
    "store_events": {"store_waiting_events": []},
}
WITH_LEASE = ["nightly_recommendations", "rebuild", "embed_new_books"]


@pytest.fixture(scope="module")
def described(airflow):
    return airflow.ask("describe")


@pytest.fixture(scope="module")
def dags(described):
    return described["dags"]


def test_every_file_can_be_read_and_imports_nothing_heavy(described):
    assert described["errors"] == {}
    assert described["heavy"] == []
    assert sorted(described["dags"]) == sorted(EDGES)


@pytest.mark.parametrize("dag_id", EDGES)
def test_edges(dags, dag_id):
    tasks = dags[dag_id]["tasks"]
    found = {name: [one for one in task["downstream"] if one != "release"] for name, task in tasks.items()}
    found.pop("release", None)
    assert found == EDGES[dag_id]


@pytest.mark.parametrize("dag_id", WITH_LEASE)
def test_the_lease_is_given_back_after_every_task(dags, dag_id):
    tasks = dags[dag_id]["tasks"]
    assert tasks["release"]["teardown"]
    assert [name for name, task in tasks.items() if "release" not in task["downstream"]] == ["release"]


@pytest.mark.parametrize("dag_id", EDGES)
def test_every_task_is_bounded_retried_with_backoff_and_reported(dags, dag_id):
    dag = dags[dag_id]
    assert dag["catchup"] is False
    assert dag["max_active_runs"] == 1
    assert "nightshelf" in dag["tags"]
    for name, task in dag["tasks"].items():
        assert task["owner"] == "nightshelf", name
        assert task["retries"] >= 1, name
        assert task["backoff"] > 1, name
        assert 0 < task["timeout_seconds"] <= 12 * 3600, name
        assert task["alerts"] == ["alert"], name
        assert task["pool"] == ("default_pool" if dag_id == "store_events" else "nightshelf"), name


def test_assets_and_parameters(dags):
    outlets = {
        (dag_id, name): task["outlets"]
        for dag_id, dag in dags.items()
        for name, task in dag["tasks"].items()
        if task["outlets"]
    }
    assert outlets == {
        (dag_id, task): [uri]
        for dag_id in WITH_LEASE
        for task, uri in (("ingest", "nightshelf://snapshot/"), ("publish", "nightshelf://generation/"))
    }
    assert dags["rebuild"]["params"] == {"source": None, "accept_reason": None, "publish": True}
    assert dags["nightly_recommendations"]["params"] == {"source": None, "accept_reason": None}
