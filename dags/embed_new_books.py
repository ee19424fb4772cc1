"""Every hour: publish new books in catalogue, index and popular lists. User lists stay those of the night."""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag

from nightshelf_night import new_books
from nightshelf_tasks import DEFAULT_ARGS


@dag(
    schedule=CronTriggerTimetable("30 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS | {"retries": 2},
    tags=["nightshelf", "hourly"],
    doc_md=__doc__,
)
def embed_new_books() -> None:
    """Skipped before the first night, and while a night is active, which ingests new books too."""
    new_books()


embed_new_books()
