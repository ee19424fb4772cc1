"""The command run in this process, and one demo for all tests of it."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass

import pytest

from services.cli import main as cli
from services.cli import options
from tests.servers.server import copy_of, demo_folder, free_port

WIDTH = 80


@dataclass
class Said:
    """What one command said, and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def nightshelf(monkeypatch, capsys):
    """Run a command in this process as the shell would, in a terminal of 80 columns.

    What would serve gets a port of its own: on the usual one somebody may be serving while the tests run.
    """
    for name in ("NIGHTSHELF_DATA_DIR", "NIGHTSHELF_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    for console in (options.out, options.err):
        monkeypatch.setattr(console, "width", WIDTH)
    terminated = signal.getsignal(signal.SIGTERM)

    def run(*arguments):
        if arguments[:1] in {("serve",), ("demo",)} and "--port" not in arguments:
            arguments = (*arguments, "--port", free_port())
        monkeypatch.setattr(sys, "argv", ["nightshelf", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    yield run
    signal.signal(signal.SIGTERM, terminated)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo's data folder."""
    return copy_of(demo_folder(tmp_path_factory.getbasetemp()), tmp_path_factory.mktemp("cli") / "data")
