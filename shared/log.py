"""Logging: named events with fields, as text or as JSON lines."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import structlog


def configure_logging(
    log_format: Literal["console", "json"] = "console", min_level: Literal["info", "warning"] = "info"
) -> None:
    """Set up logging once, at process start. Logs go to stderr; stdout is for command output."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if min_level == "info" else logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # looked up at each message: tests replace it
        cache_logger_on_first_use=False,
    )


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """A logger. Call it with an event name, then fields: `log.info("generation.loaded", generation=…)`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger
