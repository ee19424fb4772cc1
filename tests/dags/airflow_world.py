"""An Airflow of the tests' own: a home folder with an empty metadata database, and a process that answers for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.servers.server import COMMAND

DAGS = Path(__file__).parents[2] / "dags"
CHILD = Path(__file__).with_name("airflow_child.py")
AIRFLOW = Path(sys.executable).with_name("airflow")


def environment(home: Path, **changes: str) -> dict[str, str]:
    """The surroundings of an Airflow process: nothing of another Airflow or of Nightshelf's settings, and `changes`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "NIGHTSHELF_"))}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "NIGHTSHELF_BIN": str(COMMAND),
        **changes,
    }


def migrated(home: Path) -> Path:
    """The same folder, with Airflow's tables in it."""
    with (home / "migrate.log").open("w") as log:
        subprocess.run([AIRFLOW, "db", "migrate"], env=environment(home), stdout=log, stderr=log, check=True)
    return home


@dataclass
class AirflowChild:
    """A running `airflow_child.py`; one request at a time."""

    process: subprocess.Popen[str]
    answers: Any
    log: Path

    @classmethod
    def started(cls, home: Path) -> Self:
        """One whose Airflow lives in this folder."""
        reading, writing = os.pipe()
        log = home / "child.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, CHILD, str(writing)],
                env=environment(home),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=[writing],
                text=True,
            )
        os.close(writing)
        return cls(process, os.fdopen(reading), log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.stdin.close()
        self.process.kill()  # an orderly end takes Airflow's API a while, and nothing is lost
        self.process.wait()
        self.answers.close()

    def ask(self, call: str, surroundings: dict[str, str] | None = None, **arguments: object) -> Any:
        """Call one function of the child; an assertion fails with its traceback if it raises."""
        request = {"call": call, "arguments": arguments, "environment": surroundings or {}}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.answers.readline()
        assert line, f"the child ended: {self.log.read_text()[-5000:]}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]
