"""Every five minutes: move events from Redis to files, so that they survive a loss of Redis."""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag

from nightshelf_tasks import DEFAULT_ARGS, store_waiting_events


@dag(
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    # Not in the pool: it must not wait for hours behind the steps of a night.
    default_args=DEFAULT_ARGS | {"pool": "default_pool", "retries": 1},
    tags=["nightshelf", "events"],
    doc_md=__doc__,
)
def store_events() -> None:
    """Safe during any run."""
    store_waiting_events()


store_events()
