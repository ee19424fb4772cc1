# ruff: noqa: INP001 - a script, run by its path
"""Exit code 0 if Airflow's API server says that the component named on the command line is healthy.

Run `python health.py scheduler` (or `dag_processor`, `triggerer`, `metadatabase`). NIGHTSHELF_AIRFLOW_URL is the
address of the API server, which knows the state of every component. This takes a hundredth of the time of
`airflow jobs check`, which starts Airflow each time.
"""

from __future__ import annotations

import json
import os
import sys
from urllib.request import urlopen

_TIMEOUT_SECONDS = 8.0


def main() -> int:
    """Ask for one component."""
    component = sys.argv[1]
    base = os.environ.get("NIGHTSHELF_AIRFLOW_URL", "http://127.0.0.1:8080")
    with urlopen(f"{base}/api/v2/monitor/health", timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - the URL is ours
        status = json.load(answer)[component]["status"]
    sys.stdout.write(f"{component}: {status}\n")
    return 0 if status == "healthy" else 1


if __name__ == "__main__":
    sys.exit(main())
