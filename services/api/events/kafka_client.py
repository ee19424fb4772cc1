"""Kafka clients made from the settings, and the client library's log in our log."""

from __future__ import annotations

import logging
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.helpers import create_ssl_context

from shared.errors import NightshelfError
from shared.log import get_logger
from shared.settings import KafkaSettings

_CLIENT_NAME = "nightshelf"
_HEARTBEATS_A_SESSION = 5
_MAX_POLL_SECONDS = 300.0
_SAME_MESSAGE_SECONDS = 30.0


def security_options(settings: KafkaSettings) -> dict[str, Any]:
    """The client library's options for authentication and encryption.

    Raises:
        NightshelfError: a name or a password is missing, or a key or certificate cannot be read.
    """
    options: dict[str, Any] = {"security_protocol": settings.security}
    if settings.security.startswith("SASL"):
        if settings.username is None or settings.password is None:
            raise NightshelfError(
                f"{settings.security} needs a user name and a password.",
                where="NIGHTSHELF_KAFKA__USERNAME, NIGHTSHELF_KAFKA__PASSWORD",
                hint="Set both, or another NIGHTSHELF_KAFKA__SECURITY.",
            )
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.username
        options["sasl_plain_password"] = settings.password.get_secret_value()
    if settings.security.endswith("SSL"):
        try:
            options["ssl_context"] = create_ssl_context(
                cafile=settings.ca_file,
                certfile=settings.certificate_file,
                keyfile=settings.key_file,
                password=settings.key_password.get_secret_value() if settings.key_password else None,
            )
        except OSError as error:  # includes ssl.SSLError
            files = (settings.ca_file, settings.certificate_file, settings.key_file)
            raise NightshelfError(
                f"A key or certificate for Kafka cannot be used: {error}.",
                where=", ".join(str(path) for path in files if path is not None),
                hint="NIGHTSHELF_KAFKA__CA_FILE, __CERTIFICATE_FILE and __KEY_FILE name PEM files.",
            ) from error
    return options


def consumer_of(settings: KafkaSettings, security: dict[str, Any]) -> AIOKafkaConsumer:
    """A consumer without automatic commits; a new group starts at the beginning of the topic."""
    return AIOKafkaConsumer(
        settings.topic,
        bootstrap_servers=settings.brokers,
        client_id=_CLIENT_NAME,
        group_id=settings.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        session_timeout_ms=int(settings.session_timeout_seconds * 1000),
        heartbeat_interval_ms=int(settings.session_timeout_seconds * 1000 / _HEARTBEATS_A_SESSION),
        max_poll_interval_ms=int(_MAX_POLL_SECONDS * 1000),
        **security,
    )


def producer_of(settings: KafkaSettings, security: dict[str, Any]) -> AIOKafkaProducer:
    """A producer that waits until every in-sync replica has a message."""
    return AIOKafkaProducer(bootstrap_servers=settings.brokers, client_id=_CLIENT_NAME, acks="all", **security)


class ClientLog(logging.Handler):
    """Passes the client library's warnings to our log, each message at most every 30 seconds."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: dict[str, float] = {}

    def install(self) -> None:
        """Replace the library's own log handlers."""
        library = logging.getLogger("aiokafka")
        library.handlers, library.propagate = [self], False

    def emit(self, record: logging.LogRecord) -> None:
        """Log one warning or error."""
        now = time.monotonic()
        if now - self._said.get(str(record.msg), -_SAME_MESSAGE_SECONDS) >= _SAME_MESSAGE_SECONDS:
            self._said[str(record.msg)] = now
            get_logger().warning("kafka.client", message=record.getMessage())
