"""`nightshelf step …`: one step of a night in a process of its own, for a scheduler.

What people read goes to the error output; the last line of the standard output is the step's account, one JSON object.
Exit codes: 0 done, 1 failed, 3 refused by the quality gate, 75 another run has the data folder.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from services.cli.options import DataDir, SourceOption, batch_redis, err, open_source, settings_for
from shared.layout import DataFolder

if TYPE_CHECKING:
    from services.batch.night.steps import StepsOfRun
    from shared.settings import Settings

steps = typer.Typer(
    help="Run one step of a night; the last line it prints is JSON. For schedulers: see dags/.", no_args_is_help=True
)

Run = Annotated[str, typer.Option("--run", help="Name of the run; its steps share it.", show_default=False)]
SnapshotId = Annotated[str, typer.Option("--snapshot", help="From the step ingest.", show_default=False)]
Served = Annotated[
    str | None, typer.Option("--served", help="The generation served when the run began.", show_default=False)
]
Accept = Annotated[
    str | None,
    typer.Option(
        "--accept", help="Why to publish although it is worse; recorded.", metavar="REASON", show_default=False
    ),
]
Night = Annotated[str | None, typer.Option("--date", help="The night it is made for; recorded.", show_default=False)]


def _tell(account: dict[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(account).decode() + "\n")


def _steps(run: str, settings: Settings) -> StepsOfRun:
    from services.batch.night.steps import StepsOfRun
    from services.batch.runtime.progress import ConsoleProgress

    return StepsOfRun(run, settings, ConsoleProgress(err))


@steps.command()
def ingest(
    run: Run,
    source: SourceOption = None,
    date: Night = None,
    data_dir: DataDir = None,
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Have everything made anew from here on.")] = False,
) -> None:
    """Take books, ratings and events in, and begin the run."""
    settings = settings_for(data_dir)
    with batch_redis(settings) as client:
        opened = _steps(run, settings)
        _tell(opened.ingest(client, lambda: open_source(settings, source, fresh=fresh), night=date, fresh=fresh))


@steps.command()
def embed(run: Run, snapshot: SnapshotId, data_dir: DataDir = None) -> None:
    """Embed new and changed descriptions."""
    _tell(_steps(run, settings_for(data_dir)).embed(snapshot))


@steps.command()
def factor(run: Run, snapshot: SnapshotId, data_dir: DataDir = None) -> None:
    """Factor the interactions."""
    _tell(_steps(run, settings_for(data_dir)).factor(snapshot))


@steps.command("top-n")
def top_n(run: Run, snapshot: SnapshotId, data_dir: DataDir = None) -> None:
    """List the best unseen books of every user."""
    _tell(_steps(run, settings_for(data_dir)).top_n(snapshot))


@steps.command()
def index(run: Run, snapshot: SnapshotId, data_dir: DataDir = None) -> None:
    """Make catalogue, index, tribes and popular lists."""
    _tell(_steps(run, settings_for(data_dir)).index(snapshot))


@steps.command()
def evaluate(run: Run, snapshot: SnapshotId, data_dir: DataDir = None) -> None:
    """Measure the run on interactions it does not know."""
    _tell(_steps(run, settings_for(data_dir)).evaluate(snapshot))


@steps.command()
def gate(
    run: Run, snapshot: SnapshotId, served: Served = None, accept: Accept = None, data_dir: DataDir = None
) -> None:
    """Refuse what is significantly worse than what is served."""
    _tell(_steps(run, settings_for(data_dir)).gate(snapshot, served or None, accept or None))


@steps.command()
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
    """Bring Redis up to date, verify, and move the pointer."""
    settings = settings_for(data_dir)
    with batch_redis(settings) as client:
        _tell(
            _steps(run, settings).publish(
                client,
                snapshot,
                generation,
                served=served or None,
                night=date or None,
                accept=accept or None,
                keep_collaborative=keep_collaborative,
            )
        )


@steps.command()
def collect(run: Run, data_dir: DataDir = None) -> None:
    """Delete what nothing needs any more."""
    settings = settings_for(data_dir)
    with batch_redis(settings) as client:
        _tell(_steps(run, settings).collect(client))


@steps.command("store-events")
def store_events(data_dir: DataDir = None) -> None:
    """Make the events that wait in Redis durable; any time, beside any run."""
    from services.batch.ingest.ingest import store_events as store
    from services.batch.runtime.context import RunContext
    from services.batch.runtime.progress import ConsoleProgress
    from services.batch.runtime.translate_errors import translate_errors

    settings = settings_for(data_dir)
    with batch_redis(settings) as client, translate_errors(DataFolder(settings.data_dir)):
        _tell({"n_events": store(RunContext(settings, ConsoleProgress(err), client))})


@steps.command()
def release(run: Run, data_dir: DataDir = None) -> None:
    """Give the data folder back to other runs; the last step of every run, also of one that failed."""
    from services.batch.runtime.lease import release as give_back

    _tell({"released": give_back(DataFolder(settings_for(data_dir).data_dir), run)})
