"""`nightshelf consume-kafka`: read events from a Kafka topic."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from services.cli.options import DataDir, redis_url
from shared.errors import NightshelfError, install_hint
from shared.log import configure_logging
from shared.settings import load_settings


def consume_kafka(
    brokers: Annotated[
        str | None, typer.Option(help="HOST:PORT, several separated by commas.", show_default=False)
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="Topic with events; nightshelf.events by default.", show_default=False)
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="The consumer group; nightshelf by default.", show_default=False)
    ] = None,
    dead_letter_topic: Annotated[
        str | None, typer.Option(help="Topic for refused events; by default they are only logged.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Read events from a Kafka topic until stopped, by the rules of the HTTP API."""
    try:
        from services.api.events.consume import consume
    except ModuleNotFoundError as error:
        raise NightshelfError(
            f"Reading from Kafka needs {error.name}, which is not installed.", hint=install_hint("api", "kafka")
        ) from error
    options = {"brokers": brokers, "topic": topic, "group": group, "dead_letter_topic": dead_letter_topic}
    given = {name: value for name, value in options.items() if value is not None}
    settings = load_settings(data_dir=data_dir, kafka=given or None)
    configure_logging(settings.log_format)
    with redis_url(settings) as url:
        asyncio.run(consume(settings, url))
