"""`nightshelf serve`: run the API in one or several processes. `demo` uses it too."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from services.cli.options import DataDir, Host, Port, Workers, out, redis_url, settings_for
from shared.errors import NightshelfError
from shared.layout import DataFolder
from shared.log import configure_logging
from shared.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

LAST_REQUESTS_SECONDS = 5  # a supervisor that sends SIGTERM usually sends SIGKILL ten seconds later


def serve(
    data_dir: DataDir = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    *,
    embedded: Annotated[bool, typer.Option("--embedded", help="Run the data folder's own Valkey.")] = False,
) -> None:
    """Serve the published generation."""
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
        out.print(
            f"Serving on http://{host}:{port} (documentation at /docs); press Ctrl-C to stop it.", highlight=False
        )
        if read_pointer_file(DataFolder(settings.data_dir)) is None:
            out.print("Nothing has been published yet. The API is ready after `nightshelf nightly`.")
        serve_until_stopped(settings, url, host, port, workers)


def refuse_busy_port(host: str, port: int) -> None:
    """Check that the address is free.

    Raises:
        NightshelfError: it is in use, or not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise NightshelfError(
                f"Cannot listen on {host}:{port}: {error.strerror}.", hint="Choose another with --port or --host."
            ) from error


def serve_until_stopped(settings: Settings, redis_url: str, host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM or Ctrl-C. Running requests get a few seconds to finish."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    def terminate(_signal: int, _frame: object) -> NoReturn:
        raise SystemExit(0)  # runs the cleanup: uvicorn raises the signal again when it is done

    signal.signal(signal.SIGTERM, terminate)
    settings = settings.model_copy(update={"redis_url": redis_url, "data_dir": settings.data_dir.resolve()})
    config = uvicorn.Config(
        partial(worker_app, settings),
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=LAST_REQUESTS_SECONDS,
    )
    if workers == 1:
        server = uvicorn.Server(config)
        with suppress(KeyboardInterrupt):  # uvicorn raises Ctrl-C again when it is done
            server.run()
        if not server.started:
            sys.exit(1)
        return
    with tempfile.TemporaryDirectory(prefix="nightshelf-metrics-") as metrics:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics  # its client library reads only this
        with suppress(KeyboardInterrupt):
            Multiprocess(config, sockets=[config.bind_socket()]).run()


def worker_app(settings: Settings) -> FastAPI:
    """The application of one process. A worker ends with its parent, so that the port is free again."""
    from services.api.app import create_app

    parent = multiprocessing.parent_process()
    if parent is not None:

        def end_with_it() -> None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=end_with_it, daemon=True).start()
    configure_logging(settings.log_format)
    return create_app(settings)
