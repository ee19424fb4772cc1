"""The runner of `nightshelf step` against a double of the command: exit codes, accounts, and what a kill leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from nightshelf_command import (
    CommandMissingError,
    GateRefusedError,
    RunActiveError,
    StepFailedError,
    StepStoppedError,
    run_step,
)
from tests.conftest import absent
from tests.dags.airflow_world import DAGS
from tests.servers.server import alive, eventually


class TimedOutError(BaseException):
    """As Airflow's own: no `Exception`."""


@pytest.fixture
def plan(monkeypatch, fake_command):
    """Say what the double does: `plan(gate={"exit": 3})`."""
    monkeypatch.setenv("NIGHTSHELF_BIN", str(fake_command))
    return lambda **steps: monkeypatch.setenv("FAKE_PLAN", json.dumps(steps))


def test_the_account_is_the_last_line_and_the_error_output_is_handed_on(plan, tmp_path, monkeypatch):
    plan()
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))
    lines = []
    assert run_step("publish", "--run", "one run", log=lines.append) == {
        "generation": "generation-2",
        "published": True,
    }
    assert lines == ["working at publish"]
    assert json.loads((tmp_path / "calls").read_text()) == ["publish", "--run", "one run"]


@pytest.mark.parametrize(("exit_code", "error"), [(1, StepFailedError), (3, GateRefusedError), (75, RunActiveError)])
def test_exit_codes(plan, exit_code, error):
    plan(gate={"exit": exit_code})
    with pytest.raises(StepFailedError, match="working at gate") as caught:
        run_step("gate", log=[].append)
    assert type(caught.value) is error
    assert f"exit code {exit_code}" in str(caught.value)


@pytest.mark.parametrize("says", ["", "done", "[1, 2]", '{"cut": '])
def test_a_good_end_without_an_account_is_a_failure(plan, says):
    plan(embed={"says": says})
    with pytest.raises(StepFailedError, match="not a JSON object") as caught:
        run_step("embed", log=[].append)
    if says:
        assert says in str(caught.value)


def test_the_batch_environment_gets_none_of_airflows_secrets(plan, monkeypatch):
    plan(embed={"environment": True})
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://airflow:secret@db/airflow")
    monkeypatch.setenv("PYTHONPATH", "/opt/airflow")
    monkeypatch.setenv("NIGHTSHELF_REDIS_URL", "redis://valkey")
    surroundings = run_step("embed", log=[].append)
    assert surroundings["NIGHTSHELF_REDIS_URL"] == "redis://valkey"
    assert [name for name in surroundings if name.startswith(("AIRFLOW", "PYTHONPATH"))] == []


def test_a_missing_command_is_told_by_the_name_of_its_setting(monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_BIN", "/nowhere/nightshelf")
    with pytest.raises(CommandMissingError, match="NIGHTSHELF_BIN"):
        run_step("embed", log=[].append)


@pytest.mark.parametrize(("sent", "error"), [(signal.SIGALRM, TimedOutError), (signal.SIGTERM, StepStoppedError)])
def test_a_timeout_or_a_kill_ends_the_whole_group(plan, tmp_path, sent, error):
    pids = tmp_path / "pids"
    plan(embed={"hangs": str(pids)})

    def time_out(_signal, _frame):
        raise TimedOutError

    before = {number: signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGTERM)}
    signal.signal(signal.SIGALRM, time_out)
    sender = threading.Thread(target=_send_once_there, args=(pids, sent))
    sender.start()
    try:
        with pytest.raises(error):
            run_step("embed", log=[].append)
        assert signal.getsignal(signal.SIGTERM) == before[signal.SIGTERM]
    finally:
        sender.join()
        signal.signal(signal.SIGALRM, before[signal.SIGALRM])
    assert len(json.loads(pids.read_text())) == 2
    for pid in json.loads(pids.read_text()):
        eventually(lambda pid=pid: not alive(pid), 20, f"process {pid} is gone")


def _send_once_there(pids, sent):
    eventually(pids.exists, 60, "the step works")
    os.kill(os.getpid(), sent)


def test_a_step_does_not_outlive_a_task_that_is_killed_outright(plan, tmp_path):
    if shutil.which("setpriv") is None:
        absent("setpriv")
    pids = tmp_path / "pids"
    plan(embed={"hangs": str(pids)})
    script = "from nightshelf_command import run_step; run_step('embed', log=print)"
    task = subprocess.Popen([sys.executable, "-c", script], cwd=DAGS, stdout=subprocess.DEVNULL)
    try:
        eventually(pids.exists, 60, "the step works")
    finally:
        task.kill()
        task.wait()
    step, child = json.loads(pids.read_text())
    eventually(lambda: not alive(step), 20, "the step is gone")
    os.kill(child, signal.SIGKILL)  # only the step itself is told; the double's child is a stubborn one
