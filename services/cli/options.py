"""Shared by all commands: consoles, options, settings, Redis connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from shared.environment import variable_of
from shared.errors import NightshelfError
from shared.layout import DataFolder
from shared.log import configure_logging
from shared.settings import Settings, load_settings

if TYPE_CHECKING:
    from services.batch.runtime.context import RunContext
    from services.batch.sources.source import Source

out = Console()
err = Console(stderr=True)

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="The data folder; ./data by default.",
        envvar=variable_of("data_dir"),
        show_default=False,
    ),
]

SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source",
        help="Folder of books and ratings, or `demo`; by default NIGHTSHELF_SOURCE, or the source ingested last.",
        show_default=False,
    ),
]

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Workers = Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)]
Limit = Annotated[int, typer.Option(help="Maximum number of books.", min=1, max=100)]


def settings_for(data_dir: Path | None) -> Settings:
    """The settings of one command; sets up logging.

    Raises:
        NightshelfError: a setting is invalid.
    """
    settings = load_settings(data_dir=data_dir)
    configure_logging(settings.log_format, min_level="warning")
    return settings


def open_source(settings: Settings, given: str | None, *, fresh: bool = False) -> Source | None:
    """The source given or configured; `None` for the one ingested last.

    With `fresh`, read a whole database instead of what is new since its mirror.

    Raises:
        SourceError: the folder does not exist or has an unknown layout.
    """
    name = given or settings.source
    if name is None:
        return None
    if name == "demo":
        from services.batch.sources.demo.source import DemoSource

        return DemoSource()
    from services.batch.sources.folder import open_folder

    return open_folder(Path(name), DataFolder(settings.data_dir).mirrors, fresh=fresh)


@contextmanager
def redis_url(settings: Settings) -> Iterator[str]:
    """The URL of the configured Redis, or of the embedded one.

    Raises:
        NightshelfError: the configured URL is not a Redis URL, or the embedded server is not installed.
        StoreUnavailableError: the embedded server does not start.
    """
    if settings.redis_url is not None:
        _refuse_bad_url(settings.redis_url)
        yield settings.redis_url
        return
    from services.embedded import embedded_valkey

    with embedded_valkey(DataFolder(settings.data_dir)) as url:
        yield url


@contextmanager
def batch_run(settings: Settings, console: Console = out) -> Iterator[tuple[RunContext, str]]:
    """The context of a run, connected to the configured or the embedded Redis, and its URL.

    Raises:
        NightshelfError: as `redis_url`.
        StoreUnavailableError: Redis does not answer.
    """
    from services.batch.runtime.context import RunContext
    from services.batch.runtime.progress import ConsoleProgress
    from shared.redis import connect_for_batch

    with redis_url(settings) as url, connect_for_batch(url, settings.redis) as client:
        yield RunContext(settings, ConsoleProgress(console), client), url


def _refuse_bad_url(url: str) -> None:
    from redis.connection import parse_url

    try:
        parse_url(url)  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise NightshelfError(f"{url!r} is not a Redis URL.", where="NIGHTSHELF_REDIS_URL", hint=str(error)) from error
