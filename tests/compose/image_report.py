"""What the API image installs, in a fresh environment: checks that nothing of the night is in it, tells size and start.

The start-up time is that of `nightshelf serve` until /readyz answers 200, over a data folder with the demo in it, which
this makes first unless one is named: `image_report.py DATA_DIR`. Prints the lines of docs/operations.md, "Sizes".
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from services.embedded import embedded_valkey
from shared.layout import DataFolder

PROJECT = Path(__file__).resolve().parents[2]
OF_THE_NIGHT = ("torch", "pandas", "pyarrow", "scipy", "sklearn", "sentence_transformers", "airflow")
_N_STARTS = 5
_START_SECONDS = 60.0


def install(folder: Path) -> Path:
    """A fresh environment with `.[api]`, as docker/api.Dockerfile makes it; returns its Python."""
    source = folder / "source"
    source.mkdir()
    for name in ("services", "shared"):
        shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    venv.create(folder / "environment", with_pip=True)
    python = folder / "environment" / "bin" / "python"
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--constraint", "constraints.txt", ".[api]"], cwd=source, check=True)
    subprocess.run([*pip, "uninstall", "--yes", "pip", "setuptools"], check=True)
    return python


def present(python: Path) -> list[str]:
    """Which of the packages of the night this Python can import."""
    code = "import importlib.util, sys; print(*[n for n in sys.argv[1:] if importlib.util.find_spec(n)])"
    found = subprocess.run([python, "-c", code, *OF_THE_NIGHT], capture_output=True, text=True, check=True)
    return found.stdout.split()


def mebibytes(folder: Path) -> float:
    """What the files in a folder hold together."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir()) / 2**20


@contextmanager
def data_folder(given: str | None, folder: Path) -> Iterator[tuple[Path, str]]:
    """A data folder with a published generation, and the address of its Valkey."""
    data = Path(given) if given else folder / "data"
    with embedded_valkey(DataFolder(data)) as url:
        if not given:
            command = [Path(sys.executable).with_name("nightshelf"), "nightly", "--source", "demo", "--data-dir", data]
            environment = os.environ | {"NIGHTSHELF_REDIS_URL": url, "HF_HUB_OFFLINE": "1"}
            subprocess.run(command, cwd=PROJECT, env=environment, stdout=sys.stderr, check=True)
        yield data, url


def seconds_to_ready(python: Path, data: Path, url: str) -> float:
    """Start the server, wait until it is ready, stop it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTSHELF_", "PYTHON"))}
    environment |= {"NIGHTSHELF_REDIS_URL": url, "NIGHTSHELF_DATA_DIR": str(data.resolve())}
    started = time.perf_counter()
    command = [python.with_name("nightshelf"), "serve", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        while True:
            assert server.poll() is None, f"The server ended with {server.returncode}."
            try:
                with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                    return time.perf_counter() - started
            except (URLError, OSError):
                assert time.perf_counter() - started < _START_SECONDS, "The server is not ready."
                time.sleep(0.01)
    finally:
        server.terminate()
        server.wait()


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="nightshelf-image-") as name:
        folder = Path(name)
        python = install(folder)
        found = present(python)
        assert not found, f"The API's environment can import {', '.join(found)}."
        with data_folder(sys.argv[1] if len(sys.argv) > 1 else None, folder) as (data, url):
            seconds = [seconds_to_ready(python, data, url) for _ in range(_N_STARTS)]
        size = mebibytes(python.parents[1])
    print(f"| the API's environment (`.[api]`) | {size:.0f} MiB |")
    print(f"| start of `nightshelf serve` until ready, over the demo | {statistics.median(seconds):.1f} s |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
