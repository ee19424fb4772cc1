"""Stands in for the command where only its contract matters: exit codes, error output, the account on the last line.

`FAKE_PLAN` is a JSON object; for a step it may say `exit`, `says` (all of the standard output) or `hangs` (a file that
gets the process ids of the step and of a child of it that does not listen to SIGTERM). Each call is noted in the file
`FAKE_CALLS`.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ACCOUNTS = {
    "ingest": {"snapshot": "snapshot-1", "generation": "generation-2", "served": "generation-1", "books": 3},
    "publish": {"generation": "generation-2", "published": True},
    "store-events": {"n_events": 2},
    "release": {"released": True},
}
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"


def main(step: str, options: list[str]) -> None:
    plan = json.loads(os.environ.get("FAKE_PLAN", "{}")).get(step, {})
    if "FAKE_CALLS" in os.environ:
        with Path(os.environ["FAKE_CALLS"]).open("a") as calls:
            calls.write(json.dumps([step, *options]) + "\n")
    print(f"working at {step}", file=sys.stderr)
    if "hangs" in plan:
        hang(Path(plan["hangs"]))
    if "environment" in plan:
        print(json.dumps(dict(os.environ)))
        return
    print("a line nobody waits for")
    print(plan.get("says", json.dumps(ACCOUNTS.get(step, {"step": step}))))
    sys.exit(plan.get("exit", 0))


def hang(pids: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    child = subprocess.Popen([sys.executable, "-S", "-E", "-c", STUBBORN], stdout=subprocess.PIPE)
    child.stdout.readline()
    unfinished = pids.with_suffix(".unfinished")
    unfinished.write_text(json.dumps([os.getpid(), child.pid]))
    unfinished.rename(pids)
    signal.pause()


if __name__ == "__main__":
    if sys.argv[1] != "step":
        sys.exit(f"unknown command {sys.argv[1]}")
    main(sys.argv[2], sys.argv[3:])
