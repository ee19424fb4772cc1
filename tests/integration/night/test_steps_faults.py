"""What befalls a run of steps: killed workers, a Redis that goes, a full disk, another run, a clock that is set.

Each time: what was published last stays served, the step that failed is run again with the same options and the run
goes on, and nothing is lost or counted twice.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from services.batch.runtime.lease import holder
from shared.artifacts.generation import open_generation, read_pointer_file
from shared.publication import manifests, verify_generation
from tests.servers.server import connect
from tests.servers.step_processes import NIGHT, OUTAGES
from tests.servers.valkey_process import running_valkey
from tests.worlds.small_world import Book

EVENTS = (
    ("e1", "r003", "b06", "rating", 5.0),
    ("e2", "r003", "b11", "dismiss", None),
    ("e3", "cold_start_user", "b20", "read", None),
)
BUSY, FAILED, KILLED = 75, 1, -9
# In the order in which one run comes to them: what is behind it is not met again.
DEADLY = {
    "ingest": (
        "lease taken",
        "events written, not named",
        "events on disk, stream not trimmed",
        "snapshot half written",
        "snapshot written, not current",
    ),
    "embed": ("one book embedded", "one vector without its hash"),
    "factor": ("half the factors",),
    "top-n": ("half the collaborative artifact",),
    "index": ("half the catalog artifact", "half the content artifact", "half the popularity artifact"),
    "evaluate": (
        "half the evaluation",
        "first artifact without its artifact.json",
        "first artifact whole, still in staging",
    ),
    "gate": ("judging",),
    "publish": (
        "some lists in Redis",
        "all lists in Redis, not marked",
        "some user state seeded",
        "user state merged, not marked",
        "manifest half written",
        "verified, not flipped",
    ),
    "collect": (
        "generations collected, lists not",
        "lists unmarked",
        "artifacts not collected",
        "an artifact out of sight",
        "snapshots not collected",
    ),
}
AFTER_THE_FLIP = ("flipped, not answered", "flipped in Redis, pointer file half written")


def eventful_day(library):
    """Events, ratings and books, so that every step has something to do."""
    library.report(*EVENTS)
    for reader, book in (("r000", "b03"), ("r001", "b02"), ("somebody", "b30"), ("somebody", "b34")):
        library.world.rate(reader, book, 5)
    for number in (80, 81, 82):
        text = f"Ferry number {number} among tides carries no one."
        library.world.books[f"b{number}"] = Book(f"Ferry {number}", "N. Ewcomer", "tides", text)
    library.world.books["b40"].year = 1999


def outcome(library):
    """All that a run decides, apart from names with the time in them, and everything it leaves."""
    prefix = library.settings.redis_prefix
    return {
        "snapshot": library.snapshot.id,
        "events": library.events(),
        "event ids": library.known_event_ids(),
        "stream": library.client.xlen(library.keys.events),
        "artifacts": library.manifest.artifacts,
        "evaluation": library.manifest.evaluation,
        "counts": library.manifest.counts,
        "served": library.served().lists,
        "user state": library.user_states(),
        "on disk": files_of(library.folder),
        "keys": sorted(key.decode()[len(prefix) :] for key in library.client.scan_iter(match=f"{prefix}:*")),
    }


def files_of(folder):
    """Every file of artifacts and snapshots, and whatever else lies in the data folder itself."""
    files = [*folder.artifacts.rglob("*"), *folder.snapshots.rglob("*"), *folder.root.iterdir()]
    return sorted(str(path.relative_to(folder.root)) for path in files if not path.name.startswith(".run.json."))


def stays_as_it_was(library, before):
    """What is served is what was served, and whole."""
    assert library.served() == before
    assert library.verified().id == before.pointer
    assert open_generation(library.folder, read_pointer_file(library.folder)).id == before.pointer


def is_the_end_of(run, expected, before):
    """The run's generation is served, once, and all is as if nothing had been."""
    library = run.library
    assert library.pointer == run.begun["generation"] == read_pointer_file(library.folder)
    assert library.verified().id == library.pointer
    assert library.history == [library.pointer, before.pointer]
    assert [manifest.id for manifest in manifests(library.folder)] == library.history
    assert outcome(library) == expected
    assert not library.folder.staging.exists()
    assert holder(library.folder) is None


@pytest.fixture(scope="module")
def undisturbed(model_by_steps, run_of, tmp_path_factory):
    """What the run comes to when nothing disturbs it."""
    library = model_by_steps.cloned(tmp_path_factory.mktemp("undisturbed"), "undisturbed-steps", model_by_steps.client)
    eventful_day(library)
    accounts = run_of(library, "third").whole()
    assert accounts["embed"]["n_embedded"] == 3
    assert accounts["collect"]["generations"] == 1
    assert accounts["collect"]["lists"] == 120
    return outcome(library)


# Killed


def test_a_run_killed_in_the_middle_of_every_step_again_and_again_ends_as_if_it_had_not_been(
    by_steps, run_of, undisturbed
):
    library = by_steps
    eventful_day(library)
    before = library.served()
    run, other = run_of(library, "third"), run_of(library, "other")
    for step in NIGHT:
        for place in DEADLY[step]:
            killed = run.step(step, place)
            assert killed.code == KILLED, f"{step}, {place}: {killed}"
            if step != "collect":
                stays_as_it_was(library, before)
                assert library.known_event_ids() == sorted(event[0] for event in EVENTS), place
            assert holder(library.folder) == "third"
        refused = other.step("ingest")
        assert refused.code == BUSY, refused
        run.done(step)
    run.done("release")
    is_the_end_of(run, undisturbed, before)


@pytest.mark.parametrize("place", AFTER_THE_FLIP)
def test_killed_after_the_flip_publish_is_run_again_and_published_once(by_steps, run_of, undisturbed, place):
    library = by_steps
    eventful_day(library)
    before = library.served()
    run = run_of(library, "third")
    run.done(*NIGHT[:-2])
    assert run.step("publish", place).code == KILLED
    assert library.pointer == library.verified().id == run.begun["generation"]
    assert read_pointer_file(library.folder) == before.pointer, "who cannot ask Redis serves what was before"
    assert verify_generation(library.client, library.keys, library.folder, before.pointer).id == before.pointer
    assert run.done("publish")["publish"]["generation"] == library.pointer
    run.done("collect", "release")
    is_the_end_of(run, undisturbed, before)


def test_a_run_that_was_killed_and_given_up_leaves_the_next_all_it_needs(by_steps, run_of, undisturbed):
    library = by_steps
    eventful_day(library)
    before = library.served()
    dead = run_of(library, "dead")
    dead.done(*NIGHT[:-2])
    assert dead.step("publish", "some lists in Redis").code == KILLED
    run = run_of(library, "third")
    assert run.step("ingest").code == BUSY
    stays_as_it_was(library, before)
    dead.done("release")
    accounts = run.whole()
    assert [accounts[step]["built"] for step in ("factor", "top-n", "index", "evaluate")] == [[], [], [], []]
    is_the_end_of(run, undisturbed, before)


def test_a_run_whose_worker_never_came_back_loses_the_folder_when_it_has_been_silent(by_steps, run_of, undisturbed):
    library = by_steps
    eventful_day(library)
    before = library.served()
    dead = run_of(library, "dead")
    assert dead.step("ingest", "snapshot half written").code == KILLED
    run = run_of(library, "third")
    assert run.step("ingest").code == BUSY
    os.utime(library.folder.lease, (0, 0))
    run.done("ingest")
    assert dead.step("ingest").code == BUSY
    run.done(*NIGHT[1:], "release")
    is_the_end_of(run, undisturbed, before)


# Redis goes


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


# Another run


def test_of_two_runs_that_begin_at_once_one_has_the_folder_and_the_other_changes_nothing(by_steps, processes, run_of):
    library = by_steps
    before = library.served()
    for turn in range(6):
        library.world.rate("r002", "b03", 1 + turn % 5)
        runs = [run_of(library, f"{turn}-{name}") for name in ("a", "b")]
        ended = processes.together(library, *(run.command("ingest") for run in runs))
        assert sorted(one.code for one in ended) == [0, BUSY], ended
        [winner] = [run.name for run, one in zip(runs, ended, strict=True) if one.code == 0]
        [account] = [one.account for one in ended if one.code == 0]
        assert account["run"] == winner == holder(library.folder)
        assert account["snapshot"] == library.snapshot.id
        stays_as_it_was(library, before)
        for run in runs:
            assert run.done("release")["release"]["released"] == (run.name == winner)
    assert [manifest.id for manifest in manifests(library.folder)] == library.history


def test_beside_a_run_nothing_else_publishes_collects_or_goes_back(by_steps, processes, run_of, undisturbed):
    library = by_steps
    eventful_day(library)
    before = library.served()
    run = run_of(library, "third")
    others = (
        ["nightly", "--source", str(library.source_folder)],
        ["ingest"],
        ["generations", "collect"],
        ["generations", "rollback"],
        ["step", "collect", "--run", "other"],
        ["step", "release", "--run", "other"],
    )
    library.world.write(library.source_folder)
    for steps in (NIGHT[:1], NIGHT[1:4], NIGHT[4:-2]):
        run.done(*steps)
        *ended, release = processes.together(library, *others)
        assert [one.code for one in ended] == [BUSY] * len(ended), ended
        assert all("The run third is active" in one.errors or "Another run is active" in one.errors for one in ended)
        assert release.account == {"released": False}
        stays_as_it_was(library, before)
    run.done("publish", "collect", "release")
    is_the_end_of(run, undisturbed, before)


def test_a_night_in_one_process_and_a_run_of_steps_that_begin_at_once_do_not_mix(by_steps, processes, run_of):
    library = by_steps
    for turn in range(2):
        library.world.rate("r002", "b03", 1 + turn)
        run = run_of(library, f"steps-{turn}")
        [night, step] = processes.together(
            library, ["nightly", "--source", str(library.source_folder)], run.command("ingest")
        )
        assert sorted([night.code, step.code]) == [0, BUSY], (night, step)
        assert library.verified().id == library.pointer == read_pointer_file(library.folder)
        run.done("release")
    assert len(library.history) == len(set(library.history))


def test_a_step_begun_again_while_it_is_still_at_work_waits_for_itself(by_steps, processes, run_of, undisturbed):
    """A scheduler that lost sight of a worker begins its step again, though the worker is alive."""
    library = by_steps
    eventful_day(library)
    before = library.served()
    run = run_of(library, "third")
    for step in NIGHT:
        run.done(*(["ingest"] if step == "embed" else []))
        ended = processes.together(library, *[run.command(step)] * 2)
        assert [one.code for one in ended] == [0, 0], ended
        if step in ("factor", "top-n", "evaluate"):
            assert min(one.account["built"] for one in ended) == [], "one does the work"
    run.done("release")
    is_the_end_of(run, undisturbed, before)


def test_an_overtaken_run_does_not_publish(by_steps, run_of):
    """Its lease was given back by somebody who took it for dead; another run published; it comes to itself."""
    library = by_steps
    late, run = run_of(library, "late"), run_of(library, "third")
    library.world.rate("r002", "b03", 5)
    late.done(*NIGHT[:-2], "release")
    library.world.rate("r002", "b07", 5)
    run.whole()
    after = library.served()
    overtaken = late.step("publish")
    assert overtaken.code == FAILED, overtaken
    stays_as_it_was(library, after)
    late.done("collect", "release")
    stays_as_it_was(library, after)


# The clock


def test_after_the_clock_was_set_back_generations_are_in_order_and_the_way_back_is_right(by_steps, processes, run_of):
    """A day back, then right again, then ahead: ids go on sorting by what came after what, and nothing is collected."""
    library = by_steps
    published = library.history[:1]
    for number, hours in enumerate((-24.0, 0.0, 30.0, 0.0)):
        library.world.books["b40"].year = 1990 + number
        run_of(library, f"at-{number}", clock_hours=hours).new_books()
        published.insert(0, library.pointer)
        assert library.verified().id == library.pointer
    assert len(set(published)) == len(published)
    assert library.history[: len(published)] == published == sorted(published, reverse=True)
    assert [manifest.id for manifest in manifests(library.folder)][: len(published)] == published
    [back] = processes.together(library, ["generations", "rollback"])
    assert back.code == 0, back
    assert library.pointer == published[1] == library.verified().id
    [collected] = processes.together(library, ["generations", "collect", "--grace-hours", "0"])
    assert collected.code == 0, collected
    kept = {manifest.id for manifest in manifests(library.folder)}
    assert {published[0], published[1]} <= kept
    assert library.verified().id == published[1]
    library.world.rate("r002", "b07", 5)
    run_of(library, "after").whole()
    assert library.pointer > published[0]
    assert library.verified().id == library.pointer
