"""By hand: rebuild everything, reuse nothing; publish it unless `publish` is off."""

from __future__ import annotations

from airflow.sdk import Param, dag

from nightshelf_night import whole_night
from nightshelf_tasks import ACCEPT_REASON, DEFAULT_ARGS, SOURCE


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params={
        "source": SOURCE,
        "accept_reason": ACCEPT_REASON,
        "publish": Param(True, type="boolean", description="Off: build and evaluate only."),
    },
    tags=["nightshelf", "manual"],
    doc_md=__doc__,
)
def rebuild() -> None:
    """For a new model or new settings, or if data on disk may be wrong."""
    whole_night(fresh=True)


rebuild()
