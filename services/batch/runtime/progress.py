"""Progress of long work. Steps take a `Progress`; commands pass a console one, tests a silent one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

Advance = Callable[[int], None]


class Progress:
    """Shows nothing. The base of `ConsoleProgress`, and the default of steps."""

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Advance]:  # noqa: ARG002
        """Open a task of `total` units (`None`: unknown); yields a function that adds finished units."""
        yield lambda _n: None


class ConsoleProgress(Progress):
    """Progress bars on a terminal; plain start lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """See `Progress.task`."""
        if not self._console.is_terminal:
            self._console.print(f"{description} …")
            yield lambda _n: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with RichProgress(*columns, TimeRemainingColumn(), console=self._console, transient=True) as bars:
            task = bars.add_task(description, total=total)
            yield lambda n: bars.advance(task, n)


SILENT = Progress()
