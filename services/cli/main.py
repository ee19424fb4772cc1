"""The `nightshelf` command. Thin: each command imports only the half it needs, and says what it did."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.text import Text

from services.cli.evaluate import evaluate
from services.cli.generations import generations
from services.cli.kafka import consume_kafka
from services.cli.options import DataDir, SourceOption, batch_redis, err, open_source, out, redis_url, settings_for
from services.cli.serve import refuse_busy_port, serve_until_stopped
from services.cli.step import steps
from services.cli.tune import tune
from shared.errors import (
    GateRefusedError,
    NightshelfError,
    NoGenerationError,
    RunActiveError,
    UnknownTitleError,
)
from shared.layout import DataFolder
from shared.settings import Settings

if TYPE_CHECKING:
    from services.batch.sources.source import Source

app = typer.Typer(
    name="nightshelf",
    help="A book recommender: heavy work every night, answers in milliseconds by day.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(generations, name="generations")
app.add_typer(steps, name="step")
app.command("consume-kafka")(consume_kafka)
app.command("evaluate")(evaluate)
app.command("tune")(tune)

EXIT_CODES: dict[type[NightshelfError], int] = {GateRefusedError: 3, RunActiveError: 75}  # all others: 1

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Workers = Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)]
Limit = Annotated[int, typer.Option(help="How many books at most.", min=1, max=100)]


def main() -> None:
    """Run the command; what a person can mend is told in one clear line, with exit code 1 and no traceback."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app(prog_name="nightshelf")
    except NightshelfError as error:
        _tell(error)
        sys.exit(EXIT_CODES.get(type(error), 1))
    except OSError as error:
        where = None if error.filename is None else str(error.filename)
        hint = "Check that it is there, that you may write to it, and that the disk has room."
        _tell(NightshelfError(f"{error.strerror or error}.", where=where, hint=hint if where else None))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _terminated(_signal: int, _frame: object) -> NoReturn:
    """End as after Ctrl-C: whatever is open is closed, above all the embedded Valkey."""
    raise SystemExit(128 + signal.SIGTERM)


def _tell(error: NightshelfError) -> None:
    err.print(Text.assemble(("Error: ", "bold red"), error.what), highlight=False, soft_wrap=True)
    for name, value in (("where", error.where), ("what to do", error.hint)):
        if value:
            err.print(f"  {name}: {value}", highlight=False, soft_wrap=True, markup=False)


@app.command()
def demo(data_dir: DataDir = None, host: Host = "127.0.0.1", port: Port = 8000, workers: Workers = 1) -> None:
    """Build the demo (real books, simulated readers), or bring it up to date with new events, and serve it."""
    from services.batch.ingest.snapshot import current_snapshot
    from services.batch.sources.demo.source import DemoSource

    settings = settings_for(data_dir)
    snapshot = current_snapshot(DataFolder(settings.data_dir))
    if snapshot is not None and snapshot.manifest.source.kind != "demo":
        raise NightshelfError(
            f"The data folder {settings.data_dir} holds {snapshot.manifest.source.name!r}, not the demo.",
            hint="Serve it with `nightshelf serve --embedded`, or give the demo a folder with --data-dir.",
        )
    refuse_busy_port(host, port)
    with redis_url(settings) as url:
        _night(settings, DemoSource(), url)
        out.print("\nThe demo's readers are [bold]simulated[/]; its books are real. Try:")
        base = f"http://{host}:{port}"
        for path in ("/", "/docs", "/api/recommendations/user/reader-0042", "/books/The%20Hobbit/similar"):
            out.print(f"  {base}{path}", highlight=False, soft_wrap=True)
        out.print("Ctrl-C stops it.")
        serve_until_stopped(settings, url, host, port, workers)


@app.command()
def generate(
    out_folder: Annotated[Path, typer.Option("--out", help="An empty or new folder.", show_default=False)],
    books: Annotated[int, typer.Option(help="Number of books.", min=1)] = 10_000,
    users: Annotated[int, typer.Option(help="Number of users.", min=1)] = 10_000,
    ratings_per_user: Annotated[int, typer.Option(help="Mean ratings of a user.", min=1)] = 20,
    seed: Annotated[int, typer.Option(help="The same seed gives the same universe.")] = 7,
) -> None:
    """Make up books and readers, as many as you like, for load tests."""
    from services.batch.runtime.progress import ConsoleProgress
    from services.batch.synthetic.generate import generate as generate_universe
    from services.cli.tables import generate_screen

    report = generate_universe(
        out_folder,
        n_books=books,
        n_users=users,
        ratings_per_user=ratings_per_user,
        seed=seed,
        progress=ConsoleProgress(out),
    )
    out.print(generate_screen(report))


@app.command()
def ingest(source: SourceOption = None, data_dir: DataDir = None) -> None:
    """Take books, ratings and reported events in; publish nothing."""
    from services.batch.ingest.ingest import ingest as ingest_source
    from services.batch.runtime.lease import only_run
    from services.batch.runtime.progress import ConsoleProgress
    from services.cli.tables import ingest_screen

    settings = settings_for(data_dir)
    folder = DataFolder(settings.data_dir)
    opened = open_source(settings, source)
    with batch_redis(settings) as client, only_run(folder, lease_minutes=settings.batch.lease_minutes):
        report = ingest_source(folder, opened, settings, redis=client, progress=ConsoleProgress(out))
    out.print(ingest_screen(report, folder))


@app.command()
def nightly(
    source: SourceOption = None,
    data_dir: DataDir = None,
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept", help="Why to publish even what the quality gate refuses.", metavar="REASON", show_default=False
        ),
    ] = None,
) -> None:
    """Run a whole night: ingest, embed, factor, list, evaluate, verify, publish."""
    settings = settings_for(data_dir)
    opened = open_source(settings, source)
    with redis_url(settings) as url:
        _night(settings, opened, url, accept)


def _night(settings: Settings, source: Source | None, url: str, accept: str | None = None) -> None:
    from services.batch.night.nightly import STEPS, run_night
    from services.batch.runtime.progress import ConsoleProgress
    from services.cli.tables import night_screen
    from shared.redis import connect_for_batch

    def announce(step: str) -> None:
        out.print(f"[dim]{STEPS.index(step) + 1}/{len(STEPS)}[/] {step}", highlight=False)

    with connect_for_batch(url, settings.redis) as client:
        report = run_night(settings, source, client, ConsoleProgress(out), announce, accept=accept)
    out.print(night_screen(report, DataFolder(settings.data_dir)))


@app.command()
def serve(
    data_dir: DataDir = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    *,
    embedded: Annotated[bool, typer.Option("--embedded", help="Run the data folder's own Valkey.")] = False,
) -> None:
    """Serve what is published."""
    from shared.artifacts.generation import read_pointer_file

    settings = settings_for(data_dir)
    if settings.redis_url is None and not embedded:
        raise NightshelfError(
            "No Redis is configured.", where="NIGHTSHELF_REDIS_URL", hint="Set it, or add --embedded."
        )
    if embedded:
        settings = settings.model_copy(update={"redis_url": None})
    refuse_busy_port(host, port)
    with redis_url(settings) as url:
        out.print(f"Serving on http://{host}:{port} (documentation at /docs); Ctrl-C stops it.", highlight=False)
        if read_pointer_file(DataFolder(settings.data_dir)) is None:
            out.print("Nothing has been published yet; it is ready as soon as `nightshelf nightly` is done.")
        serve_until_stopped(settings, url, host, port, workers)


@app.command()
def recommend(
    user: Annotated[str, typer.Argument(help="The user's id as it is in the ratings.", show_default=False)],
    limit: Limit = 10,
    data_dir: DataDir = None,
) -> None:
    """Recommend to one user, as the API would."""
    from services.api.recommend.recommender import Recommended, Recommender
    from services.api.state.generation_manager import GenerationManager
    from services.api.state.store import Store
    from services.cli.tables import recommendations_screen

    settings = settings_for(data_dir)
    if settings.redis_url is None:
        _published(DataFolder(settings.data_dir))  # before a server is started in a folder that holds nothing

    async def ask(url: str) -> Recommended:
        store = Store(settings, url)
        live = GenerationManager(DataFolder(settings.data_dir), store, settings.serve.poll_seconds)
        try:
            await live.refresh()
            return await Recommender(live, store).recommend(user, limit, explain=True)
        finally:
            await store.close()

    with redis_url(settings) as url:
        out.print(recommendations_screen(user, asyncio.run(ask(url))))


def _published(folder: DataFolder) -> str:
    """The published generation's id, as the data folder has it."""
    from shared.artifacts.generation import read_pointer_file

    published = read_pointer_file(folder)
    if published is None:
        raise NoGenerationError(
            "Nothing has been published yet.", hint="Run `nightshelf nightly --source FOLDER` or `nightshelf demo`."
        )
    return published


@app.command()
def similar(
    title: Annotated[str, typer.Argument(help="A title, typos included.", show_default=False)],
    limit: Limit = 10,
    data_dir: DataDir = None,
) -> None:
    """Find books like one; suggestions when no book is called that."""
    from services.api.search.neighbours import similar_books
    from services.api.search.resolve import resolve
    from services.api.state.generation_manager import open_serving_state
    from services.cli.tables import similar_screen, suggestions_screen

    folder = DataFolder(settings_for(data_dir).data_dir)
    served = open_serving_state(folder, _published(folder))
    try:
        resolution = resolve(served.generation, served.titles, title)
    except UnknownTitleError as error:
        out.print(suggestions_screen(error))
        raise typer.Exit(1) from error
    out.print(similar_screen(served, resolution.number, similar_books(served.generation, resolution.number, limit)))


@app.command()
def doctor(data_dir: DataDir = None) -> None:
    """Check the installation; say how to mend what is wrong."""
    from services.cli.doctor import examine
    from services.cli.tables import doctor_screen

    findings = list(examine(settings_for(data_dir)))
    out.print(doctor_screen(findings))
    if any(not finding.ok for finding in findings):
        raise typer.Exit(1)
