"""`nightshelf doctor`: check the installation; each failure says how to fix it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import typer
from rich.table import Table
from rich.text import Text

from services.cli.options import DataDir, out, settings_for
from shared.errors import NightshelfError, install_hint
from shared.layout import DataFolder
from shared.settings import Settings

_MINIMUM_FREE_BYTES = 2 * 2**30
_MINIMUM_PYTHON = (3, 11)
_DISTRIBUTIONS = {
    "api": ("fastapi", "uvicorn", "faiss-cpu", "rapidfuzz", "redis", "hiredis"),
    "batch": ("pandas", "pyarrow", "scikit-learn", "scipy", "sentence-transformers", "torch", "faiss-cpu"),
}
_INSTALL = f"`make setup` installs everything. {install_hint('api', 'batch', 'embedded')}"
# Fixes for errors without a hint.
_FIX = {
    "python": "Use 3.11 or newer.",
    "serving half": _INSTALL,
    "batch half": _INSTALL,
    "data folder": "Choose another folder with --data-dir.",
    "free disk": "Free some space, or choose another folder with --data-dir.",
    "embedding model": _INSTALL,
    "redis": "Correct NIGHTSHELF_REDIS_URL, or unset it to use the embedded server.",
    "generation": "Run `nightshelf nightly`, or `nightshelf generations rollback` to serve the previous one.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether it is ok, what was found, and how to fix it if it is not."""

    check: str
    ok: bool
    found: str
    fix: str | None = None


def doctor(data_dir: DataDir = None) -> None:
    """Check the installation; say how to fix failures."""
    findings = list(examine(settings_for(data_dir)))
    out.print(_table(findings))
    if any(not finding.ok for finding in findings):
        raise typer.Exit(1)


def _table(findings: Iterable[Finding]) -> Table:
    """One line per finding, with the fix below each failure."""
    table = Table(title="Checks", show_header=False, title_justify="left", box=None)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        table.add_row("[green]ok[/]" if finding.ok else "[red]failed[/]", finding.check, Text(finding.found))
        if finding.fix:
            table.add_row("", "", Text(f"To fix it: {finding.fix}", style="bold"))
    return table


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check, one finding at a time. A failed check does not raise."""
    folder = DataFolder(settings.data_dir)
    checks: dict[str, Callable[[], str]] = {
        "python": _python,
        "serving half": lambda: _installed("api"),
        "batch half": lambda: _installed("batch"),
        "data folder": lambda: _data_folder(folder),
        "free disk": lambda: _free_disk(folder),
        "embedding model": lambda: _model(settings),
        "redis": lambda: _redis(settings, folder),
        "generation": lambda: _generation(folder),
    }
    for check, run in checks.items():
        try:
            yield Finding(check, ok=True, found=run())
        except NightshelfError as error:
            found = f"{error.what}{f' ({error.where})' if error.where else ''}"
            yield Finding(check, ok=False, found=found, fix=error.hint or _FIX[check])
        except (OSError, ImportError) as error:
            yield Finding(check, ok=False, found=str(error), fix=_FIX[check])


def _python() -> str:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _MINIMUM_PYTHON:
        raise NightshelfError(f"Python {found} is too old.", hint="Use 3.11 or newer.")
    return found


def _installed(half: str) -> str:
    found = []
    for distribution in _DISTRIBUTIONS[half]:
        try:
            found.append(f"{distribution} {version(distribution)}")
        except PackageNotFoundError as error:
            raise NightshelfError(f"{distribution} is not installed.", hint=install_hint(half)) from error
    return ", ".join(found)


def _data_folder(folder: DataFolder) -> str:
    root = folder.root.resolve()
    nearest = next(path for path in (root, *root.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise NightshelfError(f"{nearest} cannot be written to.", hint="Choose another folder with --data-dir.")
    return str(root) if root.exists() else f"{root} (will be created)"


def _free_disk(folder: DataFolder) -> str:
    root = folder.root.resolve()
    nearest = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    found = f"{free / 2**30:.1f} GiB"
    if free < _MINIMUM_FREE_BYTES:
        raise NightshelfError(
            f"Only {found} are free.", hint="Run `nightshelf generations collect`, or free some space."
        )
    return found


def _model(settings: Settings) -> str:
    from services.batch.content.embedder import verify_model  # the batch half may not be installed

    return f"{settings.embedder}, {verify_model(settings.embedder)}"


def _redis(settings: Settings, folder: DataFolder) -> str:
    from contextlib import nullcontext

    from services.embedded import embedded_valkey
    from shared.redis import MINIMUM_VERSION, connect_for_batch

    configured = settings.redis_url
    with (
        nullcontext(configured) if configured else embedded_valkey(folder) as url,
        connect_for_batch(url, settings.redis) as client,
    ):
        server = client.info("server")
        found = str(server["redis_version"])
        if tuple(int(number) for number in found.split(".")[:2]) < MINIMUM_VERSION:
            raise NightshelfError(f"Redis {found} is too old.", where=url, hint="Use Redis 7 or newer, or Valkey.")
        policy = str(client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction"))
    if policy != "noeviction":
        raise NightshelfError(
            f"Redis may evict user state (maxmemory-policy {policy}).", hint="Set maxmemory-policy noeviction."
        )
    name = f"Valkey {server['valkey_version']}" if "valkey_version" in server else f"Redis {found}"
    return f"{name}, {'at ' + configured if configured else 'embedded'}"


def _generation(folder: DataFolder) -> str:
    from shared.artifacts.generation import open_generation, read_pointer_file

    published = read_pointer_file(folder)
    if published is None:
        return "none yet; run `nightshelf nightly --source FOLDER` or `nightshelf demo`"
    counts = open_generation(folder, published).manifest.counts
    return f"{published}: {counts['books']:,} books, {counts['users']:,} users; all checksums match"
