"""Runs that begin at once or overtake each other, and clocks that are set back."""

from __future__ import annotations

from services.batch.runtime.lease import holder
from shared.artifacts.generation import read_pointer_file
from shared.publication import manifests
from tests.servers.step_processes import NIGHT
from tests.worlds.eventful_day import eventful_day, is_the_end_of, stays_as_it_was

BUSY, FAILED = 75, 1


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
