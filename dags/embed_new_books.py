"""Every hour: publish new books with catalogue, index and popular lists; everybody's lists stay those of the night."""

# A task is called with what another task will return.
# mypy: disable-error-code="arg-type"

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag

from nightshelf_tasks import DEFAULT_ARGS, embed, index, ingest, publish, release


@dag(
    schedule=CronTriggerTimetable("30 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS | {"retries": 2},
    tags=["nightshelf", "hourly"],
    doc_md=__doc__,
)
def embed_new_books() -> None:
    """Skipped while a night is active, which takes the new books too, and until the first night has been."""
    begun = ingest(if_busy="skip")
    embedded = embed(begun)
    indexed = index(embedded)
    published = publish(indexed, keep_collaborative=True)
    [begun, embedded, indexed, published] >> release().as_teardown()


embed_new_books()
