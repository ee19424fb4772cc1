"""Every night: ingest new data, train, evaluate, and publish if the result is good enough."""

from __future__ import annotations

from airflow.sdk import dag

from nightshelf_night import whole_night
from nightshelf_tasks import ACCEPT_REASON, DEFAULT_ARGS, SOURCE, nightly_schedule


@dag(
    schedule=nightly_schedule(),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params={"source": SOURCE, "accept_reason": ACCEPT_REASON},
    tags=["nightshelf", "nightly"],
    doc_md=__doc__,
)
def nightly_recommendations() -> None:
    """Missed nights are not caught up: the next night ingests everything."""
    whole_night()


nightly_recommendations()
