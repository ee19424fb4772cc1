"""`nightshelf step …`: one step of a night in its own process, for schedulers.

Messages go to stderr. The last line of stdout is the step's result, one JSON object.
Exit codes: 0 done, 1 failed, 3 refused by the quality gate, 75 another run has the data folder.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from services.batch.night.step_table import STEPS, Step
from services.cli.options import DataDir, SourceOption, batch_run, err, open_source, settings_for
from shared.layout import DataFolder

if TYPE_CHECKING:
    from services.batch.night.steps import StepsOfRun

steps = typer.Typer(
    help="Run one step of a night; the last line it prints is JSON. For schedulers: see dags/.", no_args_is_help=True
)
_DOES = {step.name: step.does for step in STEPS}

Run = Annotated[str, typer.Option("--run", help="Name of the run; its steps share it.", show_default=False)]
SnapshotId = Annotated[
    str, typer.Option("--snapshot", help="The snapshot id from the step ingest.", show_default=False)
]
Served = Annotated[
    str | None, typer.Option("--served", help="The generation served when the run started.", show_default=False)
]
Accept = Annotated[
    str | None,
    typer.Option(
        "--accept", help="Publish even if it is worse; the reason, recorded.", metavar="REASON", show_default=False
    ),
]
Night = Annotated[str | None, typer.Option("--date", help="The date of the night; recorded.", show_default=False)]


def _print(account: dict[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(account).decode() + "\n")


@contextmanager
def _connected(run: str, data_dir: Path | None) -> Iterator[StepsOfRun]:
    """The steps of a run, with a connection to Redis."""
    from services.batch.night.steps import StepsOfRun

    with batch_run(settings_for(data_dir), err) as (context, _url):
        yield StepsOfRun(run, context)


def _alone(run: str, data_dir: Path | None) -> StepsOfRun:
    """The steps of a run, without Redis."""
    from services.batch.night.steps import StepsOfRun
    from services.batch.runtime.context import RunContext
    from services.batch.runtime.progress import ConsoleProgress

    return StepsOfRun(run, RunContext(settings_for(data_dir), ConsoleProgress(err)))


@steps.command(help=_DOES["ingest"])
def ingest(
    run: Run,
    source: SourceOption = None,
    date: Night = None,
    data_dir: DataDir = None,
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Rebuild everything; reuse nothing.")] = False,
) -> None:
    """Run the step `ingest`."""
    settings = settings_for(data_dir)
    with _connected(run, data_dir) as opened:
        _print(opened.ingest(lambda: open_source(settings, source, fresh=fresh), night=date, fresh=fresh))


def _building(step: Step) -> Callable[..., None]:
    """The command of a step that needs only the snapshot."""

    def command(run: Run, snapshot: SnapshotId, data_dir: DataDir = None) -> None:
        _print(_alone(run, data_dir).make(step, snapshot))

    return command


for _step in STEPS:
    if _step.builds:
        steps.command(_step.name, help=_step.does)(_building(_step))


@steps.command(help=_DOES["gate"])
def gate(
    run: Run, snapshot: SnapshotId, served: Served = None, accept: Accept = None, data_dir: DataDir = None
) -> None:
    """Run the step `gate`."""
    _print(_alone(run, data_dir).gate(snapshot, served or None, accept or None))


@steps.command(help=_DOES["publish"])
def publish(
    run: Run,
    snapshot: SnapshotId,
    generation: Annotated[str, typer.Option("--generation", help="The id to publish under.", show_default=False)],
    served: Served = None,
    date: Night = None,
    accept: Accept = None,
    data_dir: DataDir = None,
    *,
    keep_collaborative: Annotated[bool, typer.Option("--keep-collaborative", help="Keep the served lists.")] = False,
) -> None:
    """Run the step `publish`."""
    from services.batch.night.steps import PublishOrder

    order = PublishOrder(
        snapshot,
        generation,
        served=served or None,
        night=date or None,
        accept=accept or None,
        keep_collaborative=keep_collaborative,
    )
    with _connected(run, data_dir) as opened:
        _print(opened.publish(order))


@steps.command(help=_DOES["collect"])
def collect(run: Run, data_dir: DataDir = None) -> None:
    """Run the step `collect`."""
    with _connected(run, data_dir) as opened:
        _print(opened.collect())


@steps.command("store-events")
def store_events(data_dir: DataDir = None) -> None:
    """Move waiting events from Redis to disk; safe during any run."""
    from services.batch.ingest.ingest import store_events as store
    from services.batch.runtime.translate_errors import translate_errors

    settings = settings_for(data_dir)
    with batch_run(settings, err) as (context, _url), translate_errors(context.folder):
        _print({"n_events": store(context)})


@steps.command()
def release(run: Run, data_dir: DataDir = None) -> None:
    """Release the data folder; the last step of every run, also of a failed one."""
    from services.batch.runtime.lease import release as release_lease

    _print({"released": release_lease(DataFolder(settings_for(data_dir).data_dir), run)})
