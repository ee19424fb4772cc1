"""The steps of a night as Airflow tasks, and the settings of all DAGs.

Each task runs one `nightshelf step` (see `nightshelf_command`) and returns a `Night`: the ids that the next step needs.
`nightshelf_steps.json` lists the steps; `make dag-steps` writes it from the table of the batch half. Airflow's
environment does not have the batch half, so nothing here imports it.

Settings: `NIGHTSHELF_TIMEZONE` (default UTC) and `NIGHTSHELF_NIGHTLY_CRON` (default `0 3 * * *`, in that time zone).
The pool `nightshelf` must exist: its slots limit how many steps run at once.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypedDict
from zoneinfo import ZoneInfo

from airflow.sdk import Asset, CronTriggerTimetable, Param, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from nightshelf_alert import alert
from nightshelf_command import CommandMissingError, GateRefusedError, RunActiveError, run_step

POOL = "nightshelf"
SNAPSHOT = Asset(name="nightshelf_snapshot", uri="nightshelf://snapshot/", group="nightshelf")
GENERATION = Asset(name="nightshelf_generation", uri="nightshelf://generation/", group="nightshelf")

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "nightshelf",
    "pool": POOL,
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "on_failure_callback": alert,
}
# While another run is active or a database is unavailable, a night retries for about two hours.
PATIENCE: dict[str, Any] = {"retries": 8, "max_retry_delay": timedelta(minutes=30)}

SOURCE = Param(None, type=["null", "string"], description="Folder, or `demo`; empty for NIGHTSHELF_SOURCE.")
ACCEPT_REASON = Param(
    None, type=["null", "string"], description="Publish even if the quality gate refuses, for this reason (recorded)."
)

STEPS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("nightshelf_steps.json").read_text(encoding="utf-8"))
"""The steps of a night in order: `name`, `does`, `after`, `timeout_minutes`, `builds`, `hourly`."""

_log = logging.getLogger(__name__)


class Night(TypedDict):
    """What the tasks of a run pass to each other.

    Attributes:
        run: name of the run that holds the data folder.
        night: local date of the run.
        snapshot: id of the data it works on.
        generation: the id to publish under.
        served: id of the generation served when the run started, if any.
        if_busy: what a step does if another run is active.
        account: the result of the last step.
    """

    run: str
    night: str
    snapshot: str
    generation: str
    served: str | None
    if_busy: Literal["retry", "skip"]
    account: dict[str, Any]


def timeout(name: str) -> timedelta:
    """How long a step may take."""
    return timedelta(minutes=next(step["timeout_minutes"] for step in STEPS if step["name"] == name))


def time_zone() -> str:
    """The time zone of schedules and dates."""
    return os.environ.get("NIGHTSHELF_TIMEZONE") or "UTC"


def nightly_schedule() -> CronTriggerTimetable:
    """When the night starts.

    A trigger timetable: the night of a date starts on that date, not an interval later. A local time that a clock
    change skips moves to the next valid time; a repeated one counts once.
    """
    cron = os.environ.get("NIGHTSHELF_NIGHTLY_CRON") or "0 3 * * *"
    return CronTriggerTimetable(cron, timezone=time_zone())


def run_name(dag_run: Any) -> str:
    """A name for the run, unique across DAGs. Airflow's run id is unique only within a DAG."""
    return f"{dag_run.dag_id}/{dag_run.run_id}"


def local_date(dag_run: Any) -> str:
    """The local date that the run is scheduled for."""
    moment = dag_run.logical_date or dag_run.run_after
    return str(moment.astimezone(ZoneInfo(time_zone())).date())


def _step(name: str, *options: str, if_busy: Literal["retry", "skip"] = "retry") -> dict[str, Any]:
    """Run a step; translate its errors into Airflow's."""
    try:
        return run_step(name, *options, log=_log.info)
    except (GateRefusedError, CommandMissingError) as error:
        raise AirflowFailException(str(error)) from error
    except RunActiveError as error:
        if if_busy == "skip":
            raise AirflowSkipException(f"Another run is active and ingests the new books too. {error}") from error
        raise


def _next(name: str, night: Night, *options: str) -> Night:
    account = _step(name, "--run", night["run"], "--snapshot", night["snapshot"], *options, if_busy=night["if_busy"])
    return {**night, "account": account}


def _given(**options: str | None) -> list[str]:
    """The options that have a value."""
    return [word for name, value in options.items() if value for word in (f"--{name}", value)]


@task(execution_timeout=timeout("ingest"), outlets=[SNAPSHOT], **PATIENCE)
def ingest(
    *,
    fresh: bool = False,
    if_busy: Literal["retry", "skip"] = "retry",
    params: Any = None,
    dag_run: Any = None,
    outlet_events: Any = None,
) -> Night:
    """Ingest books, ratings and events; hold the data folder for this run."""
    run, night = run_name(dag_run), local_date(dag_run)
    options = [*_given(source=params.get("source"), date=night), *(["--fresh"] if fresh else [])]
    account = _step("ingest", "--run", run, *options, if_busy=if_busy)
    outlet_events[SNAPSHOT].extra = {"snapshot": account["snapshot"], "night": night}
    return {
        "run": run,
        "night": night,
        "snapshot": account["snapshot"],
        "generation": account["generation"],
        "served": account["served"],
        "if_busy": if_busy,
        "account": account,
    }


def run_building_step(night: Night, name: str) -> Night:
    """Run a step that needs only the snapshot."""
    return _next(name, night)


@task(execution_timeout=timeout("gate"))
def gate(night: Night, params: Any = None) -> Night:
    """Refuse results significantly worse than the served ones."""
    return _next("gate", night, *_given(served=night["served"], accept=params.get("accept_reason")))


@task(execution_timeout=timeout("publish"), outlets=[GENERATION])
def publish(night: Night, *, keep_collaborative: bool = False, params: Any = None, outlet_events: Any = None) -> Night:
    """Update Redis, verify, and move the pointer, unless nothing changed."""
    if not params.get("publish", True):
        raise AirflowSkipException("Publishing is off for this run.")
    if keep_collaborative and night["served"] is None:
        raise AirflowSkipException("Nothing is served yet; the first night publishes these books.")
    options = _given(
        generation=night["generation"],
        served=night["served"],
        date=night["night"],
        accept=params.get("accept_reason"),
    )
    published = _next("publish", night, *options, *(["--keep-collaborative"] if keep_collaborative else []))
    account = published["account"]
    outlet_events[GENERATION].extra = {"generation": account["generation"], "published": account["published"]}
    return published


@task(execution_timeout=timeout("collect"))
def collect(night: Night) -> dict[str, Any]:
    """Delete what is no longer needed."""
    return _step("collect", "--run", night["run"])


@task(execution_timeout=timedelta(minutes=15))
def store_waiting_events() -> dict[str, Any]:
    """Move waiting events from Redis to disk."""
    return _step("store-events")


@task(execution_timeout=timedelta(minutes=5))
def release(dag_run: Any = None) -> dict[str, Any]:
    """Release the data folder after any outcome; the teardown of each DAG."""
    return _step("release", "--run", run_name(dag_run))
