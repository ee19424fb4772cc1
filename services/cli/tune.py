"""`nightshelf tune`: search for better settings, show the tuned ones, or reset them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import DataDir, out, settings_for
from shared.errors import ArtifactError, NightshelfError, RunActiveError
from shared.layout import DataFolder

if TYPE_CHECKING:
    from services.batch.tune.record import TuningRecord
    from services.batch.tune.tune import Budget
    from shared.settings import Settings

_WAIT_SECONDS = 5.0


def tune(
    minutes: Annotated[float, typer.Option(help="No trial starts later.", min=0.0)] = 20.0,
    trials: Annotated[int, typer.Option(help="Maximum number of trials.", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same trials in the same order.", min=0)] = 7,
    data_dir: DataDir = None,
    *,
    show: Annotated[bool, typer.Option("--show", help="Show the tuned settings and the last search.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Delete the tuned settings.")] = False,
) -> None:
    """Search for better settings on the latest data; the next night uses them if they are clearly better."""
    from services.batch.tune.record import read_record
    from services.cli.tuning_tables import tuning_table

    settings = settings_for(data_dir)
    folder = DataFolder(settings.data_dir)
    if show and reset:
        raise NightshelfError("These options do not go together.", where="--show, --reset", hint="Use one of them.")
    if reset:
        _reset(folder, settings)
    elif show:
        record = read_record(folder)
        if record is None:
            out.print("Nothing has been tuned. Nights use the defaults and the explicit settings.")
        else:
            out.print(tuning_table(record))
    else:
        from services.batch.tune.tune import Budget

        record = _searched(folder, settings, Budget(minutes, trials, seed))
        _write(folder, settings, record)
        out.print(tuning_table(record))


def _searched(folder: DataFolder, settings: Settings, budget: Budget) -> TuningRecord:
    from services.batch.ingest.snapshot import current_snapshot
    from services.batch.night.artifacts import ArtifactBuilder
    from services.batch.runtime.context import RunContext
    from services.batch.runtime.progress import ConsoleProgress
    from services.batch.tune.search import require_library
    from services.batch.tune.tune import tune as search
    from services.cli.tuning_tables import showing_trials

    require_library()
    snapshot = current_snapshot(folder)
    if snapshot is None:
        raise ArtifactError("There is no data to tune on.", where=str(folder.root), hint="Run `nightshelf ingest`.")
    content = ArtifactBuilder(RunContext(settings, ConsoleProgress(out)), snapshot).folder_of("content")
    with showing_trials(out, budget.minutes * 60) as on_trial:
        return search(
            snapshot,
            content,
            settings,
            budget,
            on_trial=on_trial,
        )


def _write(folder: DataFolder, settings: Settings, record: TuningRecord) -> None:
    """Write the record while no run is active: all steps of a run must use the same settings."""
    from services.batch.runtime.lease import only_run
    from services.batch.tune.record import write_record

    waiting = False
    while True:
        try:
            with only_run(folder, lease_minutes=settings.batch.lease_minutes):
                write_record(folder, record)
        except RunActiveError:
            if not waiting:
                out.print("A run is active. The result is written when it ends.")
            waiting = True
            time.sleep(_WAIT_SECONDS)
        else:
            return


def _reset(folder: DataFolder, settings: Settings) -> None:
    from services.batch.runtime.lease import only_run

    if not folder.tuned.exists():
        out.print("Nothing was tuned.")
        return
    with only_run(folder, lease_minutes=settings.batch.lease_minutes):
        folder.tuned.unlink()
    out.print("Deleted. The next night uses the defaults and the explicit settings.")
