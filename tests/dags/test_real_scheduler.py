"""Nights run by a real scheduler: the one it owes after having been away, and one asked for at the same time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.artifacts.generation import read_pointer_file
from shared.layout import DataFolder
from tests.dags.airflow_server import AirflowApi, airflow_running
from tests.servers.server import READER, eventually, run_command, serving

pytestmark = pytest.mark.slow
NIGHTLY = "nightly_recommendations"
NIGHTS_SECONDS = 900.0  # for two of them, on a machine that may be busy


def test_back_after_four_nights_it_runs_one_then_the_one_asked_for_and_the_api_serves_the_result(
    airflow, airflow_home, demo_night, tmp_path
):
    if read_pointer_file(DataFolder(Path(demo_night["NIGHTSHELF_DATA_DIR"]))) is None:
        first_night = run_command("nightly", **demo_night)
        assert first_night.returncode == 0, first_night.stderr
    last_night = (datetime.now(UTC) - timedelta(hours=12)).replace(minute=0, second=0, microsecond=0)
    schedule = {"NIGHTSHELF_NIGHTLY_CRON": f"0 {last_night.hour} * * *"}  # no night falls into the test
    airflow.ask("past_night", schedule, moment=(last_night - timedelta(days=4)).isoformat())
    with (
        serving(log=tmp_path / "api.log", **demo_night) as server,
        airflow_running(airflow_home, **demo_night, **schedule) as api,
    ):
        before = server.recommend(READER)
        server.report(event_id="of today", user_id=READER, book_id=before["items"][0]["book_id"], kind="read")

        dag = f"/dags/{NIGHTLY}"
        eventually(
            lambda: _moment(api.ask("GET", dag)["next_dagrun_logical_date"]) == last_night, 120, "last night is due"
        )
        api.ask("PATCH", dag, is_paused=False)
        asked_for = api.ask("POST", f"{dag}/dagRuns", logical_date=None)["dag_run_id"]
        made_up_for = eventually(lambda: _begun_by_itself(api), 120, "the scheduler begins the night that is due")
        ended = {run: api.wait_for(NIGHTLY, run, "publish", NIGHTS_SECONDS) for run in (asked_for, made_up_for)}

        assert {state["state"] for state in ended.values()} == {"success"}, f"see {airflow_home}"
        assert _begun_by_itself(api) == made_up_for, "one night for four"
        runs = sorted((api.ask("GET", f"{dag}/dagRuns/{run}") for run in ended), key=lambda run: run["start_date"])
        assert runs[0]["end_date"] <= runs[1]["start_date"], "never two at once"
        first, second = (ended[run["dag_run_id"]]["results"]["publish"]["account"] for run in runs)
        assert first["published"]
        assert first["generation"] != before["generation"]
        assert second["generation"] == first["generation"]
        assert not second["published"], "the first had published all there was"
        server.wait_for_generation(first["generation"])


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _begun_by_itself(api: AirflowApi) -> str | None:
    """The one run that the scheduler has begun, if it has; more than one fail."""
    runs = api.ask("GET", f"/dags/{NIGHTLY}/dagRuns?run_type=scheduled&limit=100")["dag_runs"]
    begun = [run["dag_run_id"] for run in runs if run["triggered_by"] == "timetable"]
    assert len(begun) <= 1, begun
    return begun[0] if begun else None
