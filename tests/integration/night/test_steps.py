"""Runs of steps as schedulers make them: whole nights, hours with new books, rebuilds, and the gate."""

from __future__ import annotations

import json
import random

import pytest

from services.batch.runtime.artifact_builder import read_cache_salt
from shared.publication import manifests, verify_generation
from tests.servers.server import run_command
from tests.servers.step_processes import NIGHT, variables
from tests.worlds.small_world import FIRST_RATING_SECONDS, Book

REFUSED, BUSY, FAILED, KILLED = 3, 75, 1, -9
FERRY = Book("The Last Ferry", "N. Ewcomer", "tides", "A ferry among tides carries no one.")


def folders(parent):
    return sorted(path.name for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


# A night


def test_the_command_tells_schedulers_by_its_last_line_and_its_exit_code(by_steps):
    library = by_steps
    source = library.world.write(library.source_folder)
    began = run_command("step", "ingest", "--run", "a", "--source", source, **variables(library))
    assert began.returncode == 0, began.stderr
    account = json.loads(began.stdout.splitlines()[-1])
    assert (account["run"], account["served"], account["snapshot"]) == ("a", library.pointer, library.snapshot.id)
    assert account["generation"] > library.pointer
    assert "Looking for changes in small world" in began.stderr
    refused = run_command("step", "ingest", "--run", "b", "--source", source, **variables(library))
    assert (refused.returncode, refused.stdout) == (BUSY, "")
    assert "The run a is active on this data folder" in refused.stderr


def test_a_run_of_steps_publishes_what_ingest_named_and_says_what_it_did(by_steps, run_of):
    library = by_steps
    before = library.pointer
    library.world.rate("r001", "b02", 5)
    library.world.books["b80"] = FERRY
    run = run_of(library, "scheduled/2026-03-29T02:30", date="2026-03-29")
    accounts = run.whole()
    assert accounts["ingest"]["served"] == before
    assert accounts["ingest"]["n_books"] == 81
    assert accounts["embed"] == {"n_embedded": 1, "n_reused": 80, "built": []}
    assert accounts["factor"]["built"] == ["factors"]
    assert accounts["top-n"] == {
        "collaborative": library.manifest.artifacts["collaborative"],
        "built": ["collaborative"],
    }
    assert accounts["index"]["built"] == ["catalog", "content", "popularity"]
    assert accounts["evaluate"]["evaluation"] == library.manifest.evaluation
    assert accounts["gate"]["verdict"] == "no-comparison"
    assert accounts["publish"] == {"generation": library.pointer, "published": True, "users_listed": 120}
    assert library.pointer == accounts["ingest"]["generation"]
    assert (library.manifest.night, library.manifest.gate.verdict) == ("2026-03-29", "no-comparison")
    assert library.history == [library.pointer, before]


def test_a_run_over_what_is_served_already_publishes_nothing(by_steps, run_of):
    before = by_steps.served()
    accounts = run_of(by_steps, "again").whole()
    assert accounts["publish"] == {"generation": before.pointer, "published": False, "users_listed": 120}
    assert [accounts[step]["built"] for step in ("factor", "top-n", "index", "evaluate")] == [[], [], [], []]
    assert by_steps.served() == before


def test_after_nights_without_a_run_one_takes_in_everything_once(by_steps, processes, run_of):
    library = by_steps
    for day, book in enumerate(("b04", "b08", "b12")):
        library.report(
            (f"day-{day}", "cold_start_user", book, "read", None), (f"also-{day}", "r003", "b06", "rating", 3 + day)
        )
        library.world.rate(f"r00{day}", f"b6{day}", 5)
        if day < 2:
            [stored] = processes.together(library, ["step", "store-events"])
            assert stored.account == {"n_events": 2}
    accounts = run_of(library, "late").whole()
    assert accounts["ingest"]["n_events"] == 2, "the others were on disk"
    assert library.client.xlen(library.keys.events) == 0
    assert library.known_event_ids() == sorted(f"{name}-{day}" for name in ("day", "also") for day in range(3))
    of_cold_start = [(f"day-{day}", "cold_start_user", "read") for day in range(3)]
    assert library.events() == [("also-2", "r003", "rating"), *of_cold_start], "of one reader and book the last"
    assert {4, 8, 12} == library.seen("cold_start_user")
    assert all(60 + day in library.seen(f"r00{day}") for day in range(3))
    after = library.served()
    assert not run_of(library, "next").done("ingest", "publish", "release")["publish"]["published"]
    assert library.served() == after


def test_events_are_stored_beside_a_run_and_count_from_the_next_on(by_steps, processes, run_of):
    library = by_steps
    run = run_of(library, "third")
    library.world.rate("r001", "b02", 5)
    run.done("ingest", "factor")
    library.report(("late", "r001", "b07", "read", None))
    [stored] = processes.together(library, ["step", "store-events"])
    assert stored.account == {"n_events": 1}
    run.done(*NIGHT[1:], "release")
    assert library.events() == []
    assert 7 in library.seen("r001"), "what a reader did at night is not forgotten"
    run_of(library, "fourth").done("ingest")
    assert library.events() == [("late", "r001", "read")]


def test_what_cannot_be_done_is_said_in_plain_words(by_steps, processes):
    [absent] = processes.together(by_steps, ["step", "factor", "--run", "a", "--snapshot", "0123456789abcdef"])
    assert absent.code == FAILED
    assert "The snapshot 0123456789abcdef cannot be read" in absent.errors


# Rebuilds


def test_a_rebuild_builds_everything_again_and_the_next_night_reuses_it(by_steps, run_of):
    library = by_steps
    before = library.manifest
    run = run_of(library, "rebuild/manual__2026-03-29T03:00:00+00:00", fresh=True)
    accounts = run.whole()
    assert accounts["embed"] == {"n_embedded": 80, "n_reused": 0, "built": []}
    built = [accounts[step]["built"] for step in ("factor", "top-n", "index", "evaluate")]
    assert built == [["factors"], ["collaborative"], ["catalog", "content", "popularity"], ["evaluation"]]
    rebuilt = library.manifest
    assert rebuilt.id == run.begun["generation"]
    assert not set(rebuilt.artifacts.values()) & set(before.artifacts.values())
    assert rebuilt.evaluation != before.evaluation
    assert folders(library.folder.embeddings) == [read_cache_salt(library.folder)]
    assert verify_generation(library.client, library.keys, library.folder, before.id).id == before.id

    library.world.rate("r001", "b02", 5)
    library.world.books["b80"] = FERRY
    accounts = run_of(library, "night").whole()
    assert accounts["embed"] == {"n_embedded": 1, "n_reused": 80, "built": []}
    assert not run_of(library, "idle").done("ingest", "publish", "collect", "release")["publish"]["published"]
    kept = [library.manifest, rebuilt]
    assert [manifest.id for manifest in manifests(library.folder)] == [manifest.id for manifest in kept]
    used = {f"{kind}-{artifact}" for manifest in kept for kind, artifact in manifest.artifacts.items()}
    assert set(folders(library.folder.artifacts)) == used | {f"evaluation-{manifest.evaluation}" for manifest in kept}


def test_a_rebuild_of_the_same_name_builds_everything_again_once_more(by_steps, run_of):
    before = by_steps.manifest.artifacts["content"]
    made = {before}
    for _ in range(2):
        accounts = run_of(by_steps, "rebuild", fresh=True).done("ingest", "embed", "index", "release")
        assert accounts["embed"]["n_embedded"] == 80
        made.add(accounts["index"]["content"])
    assert len(made) == 3


def test_a_rebuild_that_is_killed_goes_on_and_one_given_up_is_the_next_nights(by_steps, run_of):
    library = by_steps
    before = library.served()
    dead = run_of(library, "rebuild", fresh=True)
    assert dead.step("ingest", "snapshot written, not current").code == KILLED
    dead.done("ingest")
    assert dead.step("embed", "one book embedded").code == KILLED
    assert dead.done("embed")["embed"] == {"n_embedded": 79, "n_reused": 1, "built": []}
    dead.done("factor")
    assert dead.step("top-n", "half the collaborative artifact").code == KILLED
    assert library.served() == before
    assert library.verified().id == before.pointer
    dead.done("release")
    accounts = run_of(library, "night").whole()
    assert accounts["embed"]["n_embedded"] == 0
    assert (accounts["factor"]["built"], accounts["top-n"]["built"]) == ([], ["collaborative"])
    assert accounts["publish"]["published"]
    assert library.verified().id == library.pointer
    assert folders(library.folder.embeddings) == [read_cache_salt(library.folder)]


# The gate


@pytest.fixture(scope="module")
def measured(model_by_steps, run_of, tmp_path_factory):
    """The library after a night whose readers can be measured: their ratings come in no order."""
    root = tmp_path_factory.mktemp("measured")
    library = model_by_steps.cloned(root, "measured", model_by_steps.client)
    chance = random.Random(3)
    pairs = sorted(library.world.stars)
    chance.shuffle(pairs)
    for number, pair in enumerate(pairs):
        library.world.stars[pair] = (library.world.stars[pair][0], FIRST_RATING_SECONDS + number)
    accounts = run_of(library, "measured").whole()
    assert accounts["evaluate"]["metrics"]["comparable"]
    return library


def shuffle_ratings(world):
    """As when readers and books were joined by the wrong column."""
    chance = random.Random(5)
    books = sorted(world.books)
    stars = {}
    for (reader, _book), given in world.stars.items():
        stars[reader, chance.choice([book for book in books if (reader, book) not in stars])] = given
    world.stars = stars


def lose_half(world):
    world.stars = dict(list(world.stars.items())[::2])


@pytest.mark.parametrize(
    "harm_and_metric", [(shuffle_ratings, "ndcg_at_10"), (lose_half, "interactions")], ids=["shuffled", "half lost"]
)
def test_what_is_worse_is_refused_until_somebody_says_why_not(
    measured, processes, run_of, client, prefix, tmp_path, harm_and_metric
):
    harm, metric = harm_and_metric
    library = measured.cloned(tmp_path, prefix, client)
    before = library.served()
    harm(library.world)
    run = run_of(library, "worse")
    run.done(*NIGHT[:-3])
    for step in ("gate", "gate", "publish"):
        refused = run.step(step)
        assert refused.code == REFUSED, refused
        assert "Error: The quality gate refused" in refused.errors
        assert library.served() == before
    run.done("collect", "release")
    assert library.verified().id == before.pointer
    [night] = processes.together(library, ["nightly", "--source", str(library.source_folder)])
    assert night.code == REFUSED, night
    assert library.served() == before

    accepted = run_of(library, "accepted", accept="the shop was emptied on purpose")
    verdict = accepted.whole()["gate"]
    assert (verdict["verdict"], verdict["metric"]) == ("worse", metric)
    assert verdict["accepted_because"] == "the shop was emptied on purpose"
    assert library.pointer == accepted.begun["generation"]
    assert library.manifest.gate.model_dump() == verdict
    library.world.rate("r001", "b02", 5)
    following = run_of(library, "next").done("ingest", "index", "evaluate", "gate", "release")
    assert following["gate"]["verdict"] != "worse", "what was accepted is what counts from now on"
