"""The tasks of a run, in the order of `nightshelf_steps.json`."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from nightshelf_tasks import STEPS, collect, gate, ingest, publish, release, run_building_step, timeout


def whole_night(*, fresh: bool = False) -> None:
    """Add all steps of a night to the current DAG; `fresh` rebuilds everything."""
    tasks: dict[str, Any] = {"ingest": ingest(fresh=fresh)}
    for step in STEPS:
        if step["name"] == "ingest":
            continue
        first, *others = (tasks[name] for name in step["after"])
        tasks[step["name"]] = _task(step, first)
        for other in others:
            other >> tasks[step["name"]]
    _release_after(tasks)


def new_books() -> None:
    """Add the steps that publish new books between nights, in sequence."""
    tasks: dict[str, Any] = {}
    last = None
    for step in STEPS:
        if step["hourly"]:
            begins = step["name"] == "ingest"
            last = ingest(if_busy="skip") if begins else _task(step, last, keep_collaborative=True)
            tasks[step["name"]] = last
    _release_after(tasks)


def _task(step: dict[str, Any], night: Any, *, keep_collaborative: bool = False) -> Any:
    """The task of one step after `ingest`."""
    if step["name"] == "publish":
        return publish(night, keep_collaborative=keep_collaborative)
    if step["builds"]:
        task_id = step["name"].replace("-", "_")
        build = task(task_id=task_id, doc_md=step["does"], execution_timeout=timeout(step["name"]))(run_building_step)
        return build(night, step["name"])
    return gate(night) if step["name"] == "gate" else collect(night)


def _release_after(tasks: dict[str, Any]) -> None:
    """Release the data folder after every task: a failed branch must not release it while another one runs."""
    list(tasks.values()) >> release().as_teardown()
