"""`nightshelf consume-kafka`: events from a Kafka topic, for as long as it runs."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from services.cli.options import DataDir, redis_url
from shared.errors import NightshelfError
from shared.log import configure_logging
from shared.settings import load_settings


def consume_kafka(
    brokers: Annotated[
        str | None, typer.Option(help="HOST:PORT, several joined by commas.", show_default=False)
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="Where events are; nightshelf.events by default.", show_default=False)
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="The consumer group; nightshelf by default.", show_default=False)
    ] = None,
    dead_letter_topic: Annotated[
        str | None, typer.Option(help="Where refused events go; by default only to the log.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Take events from a Kafka topic, as the API takes them over HTTP, until stopped."""
    try:
        from services.api.events.consume import consume
    except ModuleNotFoundError as error:
        raise NightshelfError(
            f"The Kafka intake needs {error.name}, which is not installed.", hint="Install `nightshelf[api,kafka]`."
        ) from error
    options = {"brokers": brokers, "topic": topic, "group": group, "dead_letter_topic": dead_letter_topic}
    given = {name: value for name, value in options.items() if value is not None}
    settings = load_settings(data_dir=data_dir, kafka=given or None)
    configure_logging(settings.log_format)
    with redis_url(settings) as url:
        asyncio.run(consume(settings, url))
