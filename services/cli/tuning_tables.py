"""A search on a terminal: its progress and its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from services.batch.tune.record import Trial, TuningRecord, Value


@contextmanager
def showing_trials(console: Console, seconds: float) -> Iterator[Callable[[Trial, float], None]]:
    """A progress bar, or a line for each better trial where output is not a terminal."""
    started, n_trials, shown = time.monotonic(), 0, 0.0
    columns = (TextColumn("Tuning"), BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=max(seconds, 1e-9))

        def on_trial(_trial: Trial, best: float) -> None:
            nonlocal n_trials, shown
            n_trials += 1
            bar.update(task, completed=time.monotonic() - started, description=f"trial {n_trials}, best {best:.4f}")
            if not console.is_terminal and best > shown:
                console.print(f"Trial {n_trials}: NDCG@10 {best:.4f}")
            shown = max(shown, best)

        yield on_trial


def tuning_table(record: TuningRecord) -> RenderableType:
    """NDCG before and after, and the settings that nights use from now on."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("Setting", "before", "found", "tuned now"):
        table.add_column(head, justify="left" if head == "Setting" else "right", no_wrap=True)
    for name in sorted({*record.found, *record.chosen}):
        table.add_row(name, *(_text(values.get(name)) for values in (record.present, record.found, record.chosen)))
    n_pruned = sum(trial.pruned for trial in record.trials)
    seconds = sum(trial.seconds for trial in record.trials)
    change = record.difference
    lines = [
        f"{record.source}, {record.created_at:%Y-%m-%d %H:%M} UTC: {len(record.trials):,} trials in {seconds:,.0f} s.",
        f"Stopped early: {n_pruned:,} trials.",
        f"NDCG@10 on {record.n_check_users:,} readers who took no part in the search:",
        f"{record.before.value:.4f} before, {record.after.value:.4f} with the found settings,",
        f"a difference of {change.value:+.4f} (95 % interval {change.low:+.4f} to {change.high:+.4f}).",
        "Better: the next night uses them." if record.better else "Not clearly better: the settings stay.",
    ]
    if record.left_out:
        lines.append(f"Set explicitly, so not searched: {', '.join(record.left_out)}.")
    return Group(table, *(Text(line) for line in lines))


def _text(value: Value | None) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
