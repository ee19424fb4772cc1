"""The steps of a night as Airflow tasks, and what all DAGs have in common.

Each task runs one `nightshelf step` (see `nightshelf_command`) and hands a `Night` on: the ids that the next step
needs. Nothing here imports what the steps import; they run in another environment.

Settings: `NIGHTSHELF_TIMEZONE` (default UTC) and `NIGHTSHELF_NIGHTLY_CRON` (default `0 3 * * *`, in that time zone).
The pool `nightshelf` must exist: its slots are how many steps may work beside each other.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
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
# While another run is active, or a database away, a night waits for about two hours before it gives up.
PATIENCE: dict[str, Any] = {"retries": 8, "max_retry_delay": timedelta(minutes=30)}

SOURCE = Param(None, type=["null", "string"], description="Folder, or `demo`; empty for NIGHTSHELF_SOURCE.")
ACCEPT_REASON = Param(
    None, type=["null", "string"], description="Publish even what the quality gate refuses, for this reason (recorded)."
)

_log = logging.getLogger(__name__)


class Night(TypedDict):
    """What a run's tasks hand on to each other.

    Attributes:
        run: name of the run, which holds the data folder.
        night: local date that the run is for.
        snapshot: id of the data it works on.
        generation: id it is going to publish under.
        served: id of the generation that was served when it began, if any.
        if_busy: what a step does that finds another run active.
        account: what the last step told.
    """

    run: str
    night: str
    snapshot: str
    generation: str
    served: str | None
    if_busy: Literal["retry", "skip"]
    account: dict[str, Any]


def time_zone() -> str:
    """The time zone of schedules and dates."""
    return os.environ.get("NIGHTSHELF_TIMEZONE") or "UTC"


def nightly_schedule() -> CronTriggerTimetable:
    """When the night begins.

    A trigger timetable: the night of a date begins on that date, not an interval later. A local time that a change of
    the clock leaves out is taken at the next that exists, one that comes twice is taken once.
    """
    cron = os.environ.get("NIGHTSHELF_NIGHTLY_CRON") or "0 3 * * *"
    return CronTriggerTimetable(cron, timezone=time_zone())


def run_name(dag_run: Any) -> str:
    """A name for the run. Runs of two DAGs may have one Airflow id: both may be scheduled for the same moment."""
    return f"{dag_run.dag_id}/{dag_run.run_id}"


def local_date(dag_run: Any) -> str:
    """The date the run is for: of a missed night made up for, that night's."""
    moment = dag_run.logical_date or dag_run.run_after
    return str(moment.astimezone(ZoneInfo(time_zone())).date())


def _step(name: str, *options: str, if_busy: Literal["retry", "skip"] = "retry") -> dict[str, Any]:
    """Run a step; say in Airflow's words what its end means for the task."""
    try:
        return run_step(name, *options, log=_log.info)
    except (GateRefusedError, CommandMissingError) as error:
        raise AirflowFailException(str(error)) from error
    except RunActiveError as error:
        if if_busy == "skip":
            raise AirflowSkipException(f"Another run is active and takes the new books too. {error}") from error
        raise


def _next(name: str, night: Night, *options: str) -> Night:
    account = _step(name, "--run", night["run"], "--snapshot", night["snapshot"], *options, if_busy=night["if_busy"])
    return {**night, "account": account}


def _given(**options: str | None) -> list[str]:
    """Those options that have a value."""
    return [word for name, value in options.items() if value for word in (f"--{name}", value)]


@task(execution_timeout=timedelta(hours=3), outlets=[SNAPSHOT], **PATIENCE)
def ingest(
    *,
    fresh: bool = False,
    if_busy: Literal["retry", "skip"] = "retry",
    params: Any = None,
    dag_run: Any = None,
    outlet_events: Any = None,
) -> Night:
    """Take books, ratings and events in; take the data folder for this run."""
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


@task(execution_timeout=timedelta(hours=12))
def embed(night: Night) -> Night:
    """Embed new and changed descriptions."""
    return _next("embed", night)


@task(execution_timeout=timedelta(hours=6))
def factor(night: Night) -> Night:
    """Factor the interactions."""
    return _next("factor", night)


@task(execution_timeout=timedelta(hours=6))
def top_n(night: Night) -> Night:
    """List the best unseen books of every user."""
    return _next("top-n", night)


@task(execution_timeout=timedelta(hours=3))
def index(night: Night) -> Night:
    """Make catalogue, index, tribes and popular lists."""
    return _next("index", night)


@task(execution_timeout=timedelta(hours=3))
def evaluate(night: Night) -> Night:
    """Measure how good it is on interactions it does not know."""
    return _next("evaluate", night)


@task(execution_timeout=timedelta(minutes=10))
def gate(night: Night, params: Any = None) -> Night:
    """Refuse what is significantly worse than what is served."""
    return _next("gate", night, *_given(served=night["served"], accept=params.get("accept_reason")))


@task(execution_timeout=timedelta(hours=2), outlets=[GENERATION])
def publish(night: Night, *, keep_collaborative: bool = False, params: Any = None, outlet_events: Any = None) -> Night:
    """Bring Redis up to date, verify, and move the pointer; nothing if what is served has it all."""
    if not params.get("publish", True):
        raise AirflowSkipException("This run was asked not to publish.")
    if keep_collaborative and night["served"] is None:
        raise AirflowSkipException("Nothing is served yet; the first night brings these books.")
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


@task(execution_timeout=timedelta(hours=1))
def collect(night: Night) -> dict[str, Any]:
    """Delete what nothing needs any more."""
    return _step("collect", "--run", night["run"])


@task(execution_timeout=timedelta(minutes=15))
def store_waiting_events() -> dict[str, Any]:
    """Make the events that wait in Redis durable."""
    return _step("store-events")


@task(execution_timeout=timedelta(minutes=5))
def release(dag_run: Any = None) -> dict[str, Any]:
    """Give the data folder back, however the run went; each DAG makes this its teardown."""
    return _step("release", "--run", run_name(dag_run))
