"""Airflow in a process of its own: it wants AIRFLOW_HOME before it is imported, and sets up logging for everybody.

Reads requests from its standard input, one JSON object a line (`call`, `arguments`, `environment`), and answers each
with one JSON object a line on the descriptor it is given.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback
from datetime import datetime, timedelta
from unittest.mock import patch

HEAVY = ("torch", "faiss", "pandas", "numpy", "pyarrow", "sklearn", "scipy", "services", "shared")
DAGS = os.environ["AIRFLOW__CORE__DAGS_FOLDER"]


def bag():
    """All DAGs, found as Airflow's own processor finds them."""
    from airflow.dag_processing.dagbag import BundleDagBag

    return BundleDagBag(DAGS, bundle_path=DAGS, bundle_name="dags-folder")


def describe() -> dict:
    """What the DAG files define, and what reading them imported."""
    found = bag()
    return {
        "errors": found.import_errors,
        "heavy": [name for name in HEAVY if name in sys.modules],
        "dags": {
            dag.dag_id: {
                "tags": sorted(dag.tags),
                "catchup": dag.catchup,
                "max_active_runs": dag.max_active_runs,
                "params": dag.params.dump(),
                "tasks": {
                    task.task_id: {
                        "downstream": sorted(task.downstream_task_ids),
                        "pool": task.pool,
                        "owner": task.owner,
                        "retries": task.retries,
                        "backoff": task.retry_exponential_backoff,
                        "timeout_seconds": task.execution_timeout and task.execution_timeout.total_seconds(),
                        "alerts": [callback.__name__ for callback in task.on_failure_callback or ()],
                        "teardown": task.is_teardown,
                        "outlets": [asset.uri for asset in task.outlets],
                    }
                    for task in dag.tasks
                },
            }
            for dag in found.dags.values()
        },
    }


def dag_test(dag_id: str, *, logical_date: str | None = None, conf: dict | None = None) -> dict:
    """Run a DAG with `dag.test()`, retries at once; what became of the run and its tasks."""
    from airflow.models.asset import AssetEvent
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    dag = bag().dags[dag_id]
    for task in dag.tasks:
        task.retry_delay, task.retry_exponential_backoff = timedelta(seconds=1), 0
    moment = {} if logical_date is None else {"logical_date": datetime.fromisoformat(logical_date)}
    run = dag.test(run_conf=conf, **moment)
    with create_session() as session:
        instances = run.get_task_instances(session=session)
        tasks = {one.task_id: {"state": one.state, "tries": one.try_number} for one in instances}
        returned = XComModel.get_many(run_id=run.run_id, dag_ids=dag_id, key="return_value")
        accounts = {one.task_id: XComModel.deserialize_value(one) for one in session.scalars(returned)}
        events = select(AssetEvent).where(AssetEvent.source_dag_id == dag_id, AssetEvent.source_run_id == run.run_id)
        assets = {event.asset.uri: event.extra for event in session.scalars(events)}
    return {
        "run": f"{dag_id}/{run.run_id}",
        "state": run.state,
        "tasks": tasks,
        "returned": accounts,
        "assets": assets,
    }


def nights(*, start: str, end: str, last: str | None = None, step_minutes: int = 30) -> list[str]:
    """The moments at which a scheduler that looks at the clock from `start` to `end` begins runs.

    It does what Airflow's does without catch-up: asks the DAG's timetable for the next run after the last one, and
    begins it once its time has come.
    """
    import pendulum
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import DataInterval, TimeRestriction

    timetable = coerce_to_core_timetable(bag().dags["nightly_recommendations"].timetable)
    restriction = TimeRestriction(earliest=None, latest=None, catchup=False)
    now, until = pendulum.parse(start), pendulum.parse(end)
    before = None if last is None else DataInterval.exact(pendulum.parse(last))
    begun = []
    while now <= until:
        with patch("airflow.timetables.trigger.utcnow", lambda now=now: now):
            run = timetable.next_dagrun_info(last_automated_data_interval=before, restriction=restriction)
        if run.run_after <= now:
            begun.append(run.logical_date.isoformat())
            before = run.data_interval
        else:
            now = now.add(minutes=step_minutes)
    return begun


def past_night(*, moment: str) -> None:
    """Have the scheduler believe that it ran a night at this moment."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    DagBundlesManager().sync_bundles_to_db()
    found = bag()
    sync_bag_to_db(found, found.bundle_name, None)
    dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(found.dags["nightly_recommendations"]))
    logical_date = datetime.fromisoformat(moment)
    dag.create_dagrun(
        run_id=f"scheduled__{moment}",
        logical_date=logical_date,
        data_interval=(logical_date, logical_date),
        run_after=logical_date,
        run_type=DagRunType.SCHEDULED,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.SUCCESS,
    )


def alert(*, with_context: bool = True) -> list:
    """Call the failure callback; what it counted."""
    from types import SimpleNamespace

    sys.path.append(DAGS)
    from airflow.sdk.observability import stats

    from nightshelf_alert import alert as callback

    names = {"dag_id": "nightly_recommendations", "task_id": "gate", "run_id": "scheduled__1", "try_number": 2}
    instance = SimpleNamespace(**names, log_url="http://airflow.example/log")
    counted = []
    with patch.object(stats, "incr", lambda name, tags: counted.append([name, tags])):
        callback({"ti": instance, "exception": ValueError("too bad")} if with_context else {})
    return counted


def _answer(request: dict) -> dict:
    with patch.dict(os.environ, request["environment"]):
        try:
            return {"result": globals()[request["call"]](**request["arguments"])}
        except Exception:  # noqa: BLE001 - the answer carries it
            return {"error": traceback.format_exc()}


def main(answers_descriptor: int) -> None:
    assert importlib.util.find_spec("airflow") is not None
    with os.fdopen(answers_descriptor, "w") as answers:
        for line in sys.stdin:
            answers.write(json.dumps(_answer(json.loads(line)), default=str) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
