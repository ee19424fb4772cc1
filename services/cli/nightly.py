"""`nightshelf demo`, `generate`, `ingest` and `nightly`: load data and run nights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import DataDir, Host, Port, SourceOption, Workers, batch_run, open_source, out, settings_for
from services.cli.serve import refuse_busy_port, serve_until_stopped
from shared.errors import NightshelfError

if TYPE_CHECKING:
    from services.batch.runtime.context import RunContext
    from services.batch.sources.source import Source


def demo(data_dir: DataDir = None, host: Host = "127.0.0.1", port: Port = 8000, workers: Workers = 1) -> None:
    """Build or update the demo (real books, simulated readers) and serve it."""
    from services.batch.ingest.snapshot import current_snapshot
    from services.batch.sources.demo.source import DemoSource
    from shared.layout import DataFolder

    settings = settings_for(data_dir)
    snapshot = current_snapshot(DataFolder(settings.data_dir))
    if snapshot is not None and snapshot.manifest.source.kind != "demo":
        raise NightshelfError(
            f"The data folder {settings.data_dir} holds {snapshot.manifest.source.name!r}, not the demo.",
            hint="Serve it with `nightshelf serve --embedded`, or choose another folder with --data-dir.",
        )
    refuse_busy_port(host, port)
    with batch_run(settings) as (context, url):
        _night(context, DemoSource())
        out.print("\nThe demo's readers are [bold]simulated[/]; its books are real. Try:")
        base = f"http://{host}:{port}"
        for path in ("/", "/docs", "/api/recommendations/user/reader-0042", "/books/The%20Hobbit/similar"):
            out.print(f"  {base}{path}", highlight=False, soft_wrap=True)
        out.print("Press Ctrl-C to stop it.")
        serve_until_stopped(settings, url, host, port, workers)


def generate(
    out_folder: Annotated[Path, typer.Option("--out", help="An empty or new folder.", show_default=False)],
    books: Annotated[int, typer.Option(help="Number of books.", min=1)] = 10_000,
    users: Annotated[int, typer.Option(help="Number of users.", min=1)] = 10_000,
    ratings_per_user: Annotated[int, typer.Option(help="Mean ratings of a user.", min=1)] = 20,
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 7,
) -> None:
    """Generate synthetic books and readers for load tests."""
    settings_for(None)  # refuses unknown variables, as every command does
    from services.batch.runtime.progress import ConsoleProgress
    from services.batch.synthetic.generate import generate as generate_data
    from services.cli.tables import generate_table

    report = generate_data(
        out_folder,
        n_books=books,
        n_users=users,
        ratings_per_user=ratings_per_user,
        seed=seed,
        progress=ConsoleProgress(out),
    )
    out.print(generate_table(report))


def ingest(source: SourceOption = None, data_dir: DataDir = None) -> None:
    """Ingest books, ratings and reported events; publish nothing."""
    from services.batch.ingest.ingest import ingest as ingest_source
    from services.batch.runtime.lease import only_run
    from services.cli.tables import ingest_table

    settings = settings_for(data_dir)
    opened = open_source(settings, source)
    with (
        batch_run(settings) as (context, _url),
        only_run(context.folder, lease_minutes=settings.batch.lease_minutes),
    ):
        report = ingest_source(context, opened)
    out.print(ingest_table(report, context.folder))


def nightly(
    source: SourceOption = None,
    data_dir: DataDir = None,
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            help="Publish even if the quality gate refuses; the reason.",
            metavar="REASON",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run a whole night, from ingesting to publishing."""
    settings = settings_for(data_dir)
    opened = open_source(settings, source)
    with batch_run(settings) as (context, _url):
        _night(context, opened, accept)


def _night(context: RunContext, source: Source | None, accept: str | None = None) -> None:
    from services.batch.night.nightly import run_night
    from services.batch.night.step_table import STEP_NAMES
    from services.cli.tables import night_table

    def announce(step: str) -> None:
        out.print(f"[dim]{STEP_NAMES.index(step) + 1}/{len(STEP_NAMES)}[/] {step}", highlight=False)

    report = run_night(context, source, announce, accept=accept)
    out.print(night_table(report, context.folder))
