"""Steps while Redis goes or the disk is full."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from shared.artifacts.generation import open_generation, read_pointer_file
from tests.servers.server import connect
from tests.servers.step_places import OUTAGES
from tests.servers.step_processes import NIGHT
from tests.servers.valkey_process import running_valkey
from tests.worlds.eventful_day import EVENTS, eventful_day, is_the_end_of, stays_as_it_was

FAILED = 1


@pytest.fixture(scope="module")
def valkey():
    with running_valkey() as valkey:
        yield valkey


@pytest.fixture
def on_own_valkey(valkey, model_by_steps, prefix, tmp_path):
    """The library, on a server that may be stopped."""
    with connect(valkey.url) as client:
        library = model_by_steps.cloned(tmp_path, prefix, client, url=valkey.url)
        yield library


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_redis_that_goes_in_the_middle_of_a_write_fails_the_step_and_nothing_else(
    on_own_valkey, valkey, run_of, undisturbed, outage
):
    library = on_own_valkey
    eventful_day(library)
    before = library.served()
    run = run_of(library, "third")
    step = "collect" if "collected" in outage else "publish"
    run.done(*NIGHT[: NIGHT.index(step)])
    failed = run.step(step, outage)
    valkey.wait()
    assert failed.code == FAILED, failed
    assert "Error: Redis failed during the run" in failed.errors
    assert "Traceback" not in failed.errors
    away = run.step(step)
    assert away.code == FAILED
    assert "Redis does not answer" in away.errors
    of_disk = read_pointer_file(library.folder)
    assert of_disk == (before.pointer if step == "publish" else run.begun["generation"])
    assert open_generation(library.folder, of_disk).id == of_disk, "who cannot ask Redis serves it"

    valkey.start()
    assert library.verified().id == library.pointer
    if "answered" not in outage and step == "publish":
        stays_as_it_was(library, before)
    run.done(*NIGHT[NIGHT.index(step) :], "release")
    is_the_end_of(run, undisturbed, before)


# The disk is full


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("there is no `mount` here")
    if mounted.returncode != 0:
        pytest.skip(f"file systems cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


class Filler:
    """A file that takes up all of a disk but so many bytes."""

    def __init__(self, disk: Path) -> None:
        self._path = disk / "filler"

    def leave(self, n_bytes: int) -> None:
        """Leave this much room."""
        self._path.unlink(missing_ok=True)
        state = os.statvfs(self._path.parent)
        with self._path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - n_bytes)

    def go(self) -> None:
        """Leave all of it."""
        self._path.unlink()


NEEDS_ROOM = ("ingest", "embed", "factor", "top-n", "index", "evaluate", "publish")


def test_on_a_full_disk_every_step_fails_in_plain_words_until_there_is_room(
    model_by_steps, small_disk, run_of, undisturbed, client, prefix
):
    """Ever more room is left, so that the disk is full in another place each time."""
    library = model_by_steps.cloned(small_disk, prefix, client)
    eventful_day(library)
    library.world.write(library.source_folder)
    before, filler, run = library.served(), Filler(small_disk), run_of(library, "third")
    for step in NIGHT:
        n_failed = 0
        for n_bytes in (0, 16 << 10, 72 << 10, 264 << 10):
            filler.leave(n_bytes)
            ended = run.step(step)
            if ended.code == 0:
                break
            n_failed += 1
            assert ended.code == FAILED, f"{step} with {n_bytes} bytes left: {ended}"
            assert "Error: The disk is full" in ended.errors, f"{step} with {n_bytes} bytes left: {ended}"
            if library.pointer == before.pointer:
                stays_as_it_was(library, before)
            else:  # the very last file, which only tells those of the pointer who cannot ask Redis
                assert (step, library.pointer) == ("publish", run.begun["generation"])
                assert library.verified().id == library.pointer
                assert read_pointer_file(library.folder) == before.pointer
            assert library.known_event_ids() == sorted(event[0] for event in EVENTS)
        filler.go()
        assert bool(n_failed) == (step in NEEDS_ROOM), f"{step} failed {n_failed} times"
        run.done(step)
    run.done("release")
    is_the_end_of(run, undisturbed, before)
