"""What befalls a run of steps: killed workers, a Redis that goes, a full disk, another run, a clock that is set.

Each time: what was published last stays served, the step that failed is run again with the same options and the run
goes on, and nothing is lost or counted twice.
"""

from __future__ import annotations

import os

import pytest

from services.batch.runtime.lease import holder
from shared.artifacts.generation import read_pointer_file
from shared.publication import verify_generation
from tests.servers.step_processes import NIGHT
from tests.worlds.eventful_day import EVENTS, eventful_day, is_the_end_of, stays_as_it_was

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
