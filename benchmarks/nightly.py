"""Compares a second night on unchanged data with the first. Times whole commands, start-up included.

Uses synthetic data of 2,000 books and 5,000 readers, or a folder named on the command line.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

NIGHTSHELF = str(Path(sys.executable).parent / "nightshelf")


def run(*arguments: str | Path) -> tuple[float, str]:
    """Seconds and output of one command."""
    started = time.perf_counter()
    finished = subprocess.run(
        [NIGHTSHELF, *arguments],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return time.perf_counter() - started, finished.stdout


def night(source: Path, data_dir: str) -> tuple[float, int]:
    """Seconds and books embedded of one night."""
    seconds, output = run("nightly", "--source", source, "--data-dir", data_dir)
    embedded = re.search(r"books embedded\s+([\d,]+)", output)
    if embedded is None:
        raise SystemExit(output)
    return seconds, int(embedded[1].replace(",", ""))


def main() -> None:
    """Measure and print."""
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            source = Path(sys.argv[1])
        else:
            source = Path(folder) / "synthetic"
            run("generate", "--books", "2000", "--users", "5000", "--out", source)
        first_seconds, first_embedded = night(source, f"{folder}/data")
        console.print(f"first night:  {first_seconds:6.1f} s, {first_embedded:,} books embedded")
        second_seconds, second_embedded = night(source, f"{folder}/data")
        console.print(f"second night: {second_seconds:6.1f} s, {second_embedded:,} books embedded (target: 0)")
    console.print(f"second / first: {second_seconds / first_seconds:.3f} (target: at most 0.2)")


if __name__ == "__main__":
    main()
