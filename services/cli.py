"""The `nightshelf` command. Thin: each command imports only the half it needs, and says what it did."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from shared.errors import NightshelfError, UnknownTitleError
from shared.keys import Keys
from shared.layout import DataFolder
from shared.log import configure_logging
from shared.settings import Settings, load_settings

if TYPE_CHECKING:
    import redis

    from services.batch.nightly import NightReport
    from services.batch.sources.source import Source

app = typer.Typer(
    name="nightshelf",
    help="A book recommender: heavy work every night, answers in milliseconds by day.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
generations = typer.Typer(help="Published generations: list, show, roll back, collect.", no_args_is_help=True)
app.add_typer(generations, name="generations")

out = Console()
err = Console(stderr=True)

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where everything lives.", envvar="NIGHTSHELF_DATA_DIR", show_default="./data"),
]
SourceOption = Annotated[
    Path | None, typer.Option("--source", help="Folder of books and ratings; by default the source ingested last.")
]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Workers = Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)]


def main() -> None:
    """Run the command; every error of ours is one clear line and exit code 1."""
    try:
        app()
    except NightshelfError as error:
        err.print(f"[bold red]Error:[/] {error.what}", highlight=False, soft_wrap=True)
        if error.where:
            err.print(f"  where: {error.where}", highlight=False, soft_wrap=True, markup=False)
        if error.hint:
            err.print(f"  what to do: {error.hint}", highlight=False, soft_wrap=True, markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _settings(data_dir: Path | None) -> Settings:
    settings = load_settings(data_dir=data_dir)
    configure_logging(settings.log_format, at_least="warning")
    return settings


@contextmanager
def _redis_url(settings: Settings) -> Iterator[str]:
    """The configured Redis, or the data folder's own."""
    if settings.redis_url is not None:
        yield settings.redis_url
        return
    from services.embedded import embedded_valkey

    with embedded_valkey(DataFolder(settings.data_dir)) as url:
        yield url


@contextmanager
def _batch_redis(settings: Settings) -> Iterator[redis.Redis]:
    from shared.redis import connect_for_batch

    with _redis_url(settings) as url, connect_for_batch(url, settings.redis) as client:
        yield client


def _source(path: Path | None) -> Source | None:
    if path is None:
        return None
    from services.batch.sources.folder import open_folder

    return open_folder(path)


@app.command()
def demo(data_dir: DataDir = None, host: Host = "127.0.0.1", port: Port = 8000, workers: Workers = 1) -> None:
    """Build the demo (real books, simulated readers) if need be, and serve it."""
    from services.batch.snapshot import current_snapshot
    from services.batch.sources.demo import DemoSource

    settings = _settings(data_dir)
    snapshot = current_snapshot(DataFolder(settings.data_dir))
    if snapshot is not None and snapshot.meta["source"]["kind"] != "demo":
        raise NightshelfError(
            f"The data folder {settings.data_dir} holds {snapshot.meta['source']['name']!r}, not the demo.",
            hint="Serve it with `nightshelf serve --embedded`, or give the demo a folder with --data-dir.",
        )
    _refuse_busy_port(host, port)
    with _redis_url(settings) as url:
        _night(settings, DemoSource(), url)
        out.print("\nThe demo's readers are [bold]simulated[/]; its books are real. Try:")
        base = f"http://{host}:{port}"
        for path in ("/docs", "/api/recommendations/user/reader-0042", "/books/The%20Hobbit/similar"):
            out.print(f"  {base}{path}", highlight=False, soft_wrap=True)
        _serve(settings, url, host, port, workers)


@app.command()
def generate(
    out_folder: Annotated[Path, typer.Option("--out", help="An empty or new folder.")],
    books: Annotated[int, typer.Option(help="Number of books.", min=1)] = 10_000,
    users: Annotated[int, typer.Option(help="Number of users.", min=1)] = 10_000,
    ratings_per_user: Annotated[int, typer.Option(help="Mean ratings of a user.", min=1)] = 20,
    seed: Annotated[int, typer.Option(help="The same seed gives the same universe.")] = 7,
) -> None:
    """Make up a universe of books and readers of any size, for load tests."""
    from services.batch.generate import generate as generate_universe
    from services.batch.progress import ConsoleProgress
    from services.screens import summary

    report = generate_universe(
        out_folder,
        n_books=books,
        n_users=users,
        ratings_per_user=ratings_per_user,
        seed=seed,
        progress=ConsoleProgress(out),
    )
    out.print(summary(f"Generated into {out_folder}", vars(report)))


@app.command()
def ingest(source: SourceOption = None, data_dir: DataDir = None) -> None:
    """Take books, ratings and reported events into a validated snapshot; publish nothing."""
    from services.batch.ingest import ingest as ingest_source
    from services.batch.nightly import only_run
    from services.batch.progress import ConsoleProgress
    from services.screens import ingest_screen

    settings = _settings(data_dir)
    folder = DataFolder(settings.data_dir)
    opened = _source(source)
    with _batch_redis(settings) as client, only_run(folder):
        report = ingest_source(folder, opened, settings, redis=client, progress=ConsoleProgress(out))
    out.print(ingest_screen(report, folder))


@app.command()
def nightly(source: SourceOption = None, data_dir: DataDir = None) -> None:
    """Run a whole night: ingest, embed, factor, list, verify, publish."""
    settings = _settings(data_dir)
    opened = _source(source)
    with _redis_url(settings) as url:
        _night(settings, opened, url)


def _night(settings: Settings, source: Source | None, url: str) -> NightReport:
    from services.batch.nightly import STEPS, run_night
    from services.batch.progress import ConsoleProgress
    from services.screens import night_screen
    from shared.redis import connect_for_batch

    def announce(step: str) -> None:
        out.print(f"[dim]{STEPS.index(step) + 1}/{len(STEPS)}[/] {step}", highlight=False)

    with connect_for_batch(url, settings.redis) as client:
        report = run_night(settings, source, client, ConsoleProgress(out), announce)
    out.print(night_screen(report, DataFolder(settings.data_dir)))
    return report


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
    settings = _settings(data_dir)
    if settings.redis_url is None and not embedded:
        raise NightshelfError(
            "No Redis is configured.", where="NIGHTSHELF_REDIS_URL", hint="Set it, or add --embedded."
        )
    if embedded:
        settings = settings.model_copy(update={"redis_url": None})
    _refuse_busy_port(host, port)
    with _redis_url(settings) as url:
        out.print(f"Serving on http://{host}:{port} (documentation at /docs); Ctrl-C stops it.", highlight=False)
        _serve(settings, url, host, port, workers)


def _refuse_busy_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise NightshelfError(
                f"Cannot listen on {host}:{port}: {error.strerror}.", hint="Choose another with --port."
            ) from error


def _serve(settings: Settings, url: str, host: str, port: int, workers: int) -> None:
    import tempfile

    import uvicorn

    def terminate(_signal: int, _frame: object) -> NoReturn:
        raise SystemExit(0)  # so that whatever is open is closed: uvicorn passes the signal on when it is done

    signal.signal(signal.SIGTERM, terminate)
    os.environ["NIGHTSHELF_REDIS_URL"] = url
    os.environ["NIGHTSHELF_DATA_DIR"] = str(settings.data_dir.resolve())
    with tempfile.TemporaryDirectory(prefix="nightshelf-metrics-") as metrics:
        if workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
        uvicorn.run(
            "services.api.app:app_from_environment",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=10,
        )


@app.command()
def recommend(
    user: Annotated[str, typer.Argument(help="The user's id as it is in the ratings.")],
    limit: Annotated[int, typer.Option(min=1, max=100)] = 10,
    data_dir: DataDir = None,
) -> None:
    """Recommend to one user, as the API would."""
    from services.api.live import Live
    from services.api.recommend import Recommended, Recommender
    from services.api.store import Store
    from services.screens import recommendations_screen

    settings = _settings(data_dir)

    async def ask(url: str) -> Recommended:
        store = Store(settings, url)
        live = Live(DataFolder(settings.data_dir), store, settings.serve.poll_seconds)
        try:
            await live.refresh()
            return await Recommender(live, store).recommend(user, limit, explain=True)
        finally:
            await store.close()

    with _redis_url(settings) as url:
        out.print(recommendations_screen(user, asyncio.run(ask(url))))


@app.command()
def similar(
    title: Annotated[str, typer.Argument(help="A title, typos included.")],
    limit: Annotated[int, typer.Option(min=1, max=100)] = 10,
    data_dir: DataDir = None,
) -> None:
    """Books like one, by title; suggestions when there is none of that title."""
    from services.api.live import open_served
    from services.api.routes.books import resolve, similar_books
    from services.screens import similar_screen, suggestions_screen
    from shared.errors import NoGenerationError
    from shared.generation import read_pointer_file

    folder = DataFolder(_settings(data_dir).data_dir)
    published = read_pointer_file(folder)
    if published is None:
        raise NoGenerationError(
            "Nothing has been published yet.", hint="Run `nightshelf nightly` or `nightshelf demo`."
        )
    served = open_served(folder, published)
    try:
        resolution = resolve(served, title)
    except UnknownTitleError as error:
        out.print(suggestions_screen(error))
        raise typer.Exit(1) from error
    out.print(similar_screen(served, resolution.number, similar_books(served, resolution.number, limit)))


@generations.command("list")
def list_generations(data_dir: DataDir = None) -> None:
    """Generations on disk, newest first; which one is served."""
    from services.batch.publish import current_generation, history, manifests
    from services.screens import generations_screen

    settings = _settings(data_dir)
    keys = Keys(settings.redis_prefix)
    with _batch_redis(settings) as client:
        current, published = current_generation(client, keys), history(client, keys)
    out.print(generations_screen(list(manifests(DataFolder(settings.data_dir))), current, published))


@generations.command("show")
def show_generation(generation: str, data_dir: DataDir = None) -> None:
    """A generation's manifest."""
    from shared.generation import read_manifest

    out.print_json(read_manifest(DataFolder(_settings(data_dir).data_dir), generation).model_dump_json())


@generations.command("rollback")
def roll_back(
    to: Annotated[str | None, typer.Option(help="Its id; by default the one published before.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve an earlier generation again."""
    from services.batch.nightly import only_run
    from services.batch.progress import ConsoleProgress
    from services.batch.publish import rollback

    settings = _settings(data_dir)
    folder = DataFolder(settings.data_dir)
    with _batch_redis(settings) as client, only_run(folder):
        manifest = rollback(client, Keys(settings.redis_prefix), folder, ConsoleProgress(out), to)
    out.print(f"Serving {manifest.id} again, made {manifest.created_at:%Y-%m-%d %H:%M} UTC.", highlight=False)


@generations.command("collect")
def collect_generations(
    grace_hours: Annotated[
        float | None, typer.Option(min=0, help="Younger ones stay; by default the setting's 48.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Delete generations nobody needs: neither current, nor previous, nor young."""
    from services.batch.nightly import only_run
    from services.batch.publish import collect
    from services.screens import summary

    settings = _settings(data_dir)
    folder = DataFolder(settings.data_dir)
    hours = settings.batch.collect_grace_hours if grace_hours is None else grace_hours
    with _batch_redis(settings) as client, only_run(folder):
        deleted = collect(client, Keys(settings.redis_prefix), folder, timedelta(hours=hours))
    out.print(summary("Deleted", deleted))


@app.command()
def doctor(data_dir: DataDir = None) -> None:
    """Check the installation; say how to mend what is wrong."""
    from services.doctor import examine
    from services.screens import doctor_screen

    findings = list(examine(_settings(data_dir)))
    out.print(doctor_screen(findings))
    if any(not finding.ok for finding in findings):
        raise typer.Exit(1)
