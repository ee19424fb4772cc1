"""The API as one or several processes of this machine: what `serve` and `demo` run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import tempfile
import threading
from typing import TYPE_CHECKING, NoReturn

from shared.errors import NightshelfError
from shared.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

_LAST_REQUESTS_SECONDS = 10


def refuse_busy_port(host: str, port: int) -> None:
    """Find out before any work that an address cannot be listened on.

    Raises:
        NightshelfError: somebody listens there already, or the address is not one of this machine's.
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
    """Serve until SIGTERM or Ctrl-C; requests under way are answered first."""
    import uvicorn

    def terminate(_signal: int, _frame: object) -> NoReturn:
        raise SystemExit(0)  # so that whatever is open is closed: uvicorn passes the signal on when it is done

    signal.signal(signal.SIGTERM, terminate)
    os.environ["NIGHTSHELF_REDIS_URL"] = redis_url
    os.environ["NIGHTSHELF_DATA_DIR"] = str(settings.data_dir.resolve())
    with tempfile.TemporaryDirectory(prefix="nightshelf-metrics-") as metrics:
        if workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
        uvicorn.run(
            "services.cli.serve:worker_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
        )


def worker_app() -> FastAPI:
    """The application of one process. A worker whose parent was killed ends too, so that the port is free again."""
    from services.api.app import app_from_environment

    parent = multiprocessing.parent_process()
    if parent is not None:

        def end_with_it() -> None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=end_with_it, daemon=True).start()
    return app_from_environment()
