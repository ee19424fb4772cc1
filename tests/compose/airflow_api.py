"""Airflow's REST API, as far as a night needs it."""

from __future__ import annotations

import httpx

from waiting import eventually

NIGHT_SECONDS = 1800.0


class Airflow:
    """Airflow's REST API."""

    def __init__(self, settings: dict[str, str]) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{settings['AIRFLOW_PORT']}", timeout=30)
        who = {"username": settings["AIRFLOW_ADMIN_USER"], "password": settings["AIRFLOW_ADMIN_PASSWORD"]}
        refused = self._client.post("/auth/token", json=who | {"password": "wrong"})
        assert refused.status_code in (400, 401), f"A wrong password is answered with {refused.status_code}."
        token = self._client.post("/auth/token", json=who)
        assert token.status_code == 201, f"No token from Airflow: {token.status_code} {token.text[:500]}"
        self._client.headers["Authorization"] = f"Bearer {token.json()['access_token']}"

    def run(self, dag: str) -> None:
        """Trigger a DAG and wait for it to succeed."""
        eventually(
            lambda: self._client.get(f"/api/v2/dags/{dag}").status_code == 200, 180, f"{dag} is known to Airflow"
        )
        begun = self._client.post(f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": None})
        assert begun.status_code == 200, f"{dag} cannot be triggered: {begun.status_code} {begun.text[:500]}"
        path = f"/api/v2/dags/{dag}/dagRuns/{begun.json()['dag_run_id']}"

        def ended() -> str | None:
            state = self._client.get(path).raise_for_status().json()["state"]
            return state if state in ("success", "failed") else None

        state = eventually(ended, NIGHT_SECONDS, f"the run of {dag} has ended")
        tasks = self._client.get(f"{path}/taskInstances").raise_for_status().json()["task_instances"]
        told = ", ".join(f"{task['task_id']} {task['state']} ({task['duration'] or 0:.0f} s)" for task in tasks)
        assert state == "success", f"{dag} ended with {state}: {told}"
        print(f"  {told}", flush=True)
