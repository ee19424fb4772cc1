"""Runs of steps as schedulers make them: whole nights, hours with new books, rebuilds, and the gate."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from services.api.state.generation_manager import open_serving_state
from services.batch.runtime.artifact_builder import read_cache_salt
from shared.publication import manifests, verify_generation
from tests.servers.server import run_command
from tests.servers.step_processes import NIGHT, variables
from tests.worlds.library import Library
from tests.worlds.small_world import FIRST_RATING_SECONDS, Book

REFUSED, BUSY, FAILED, KILLED = 3, 75, 1, -9
FERRY = Book("The Last Ferry", "N. Ewcomer", "tides", "A ferry among tides carries no one.")


def recommended(library, readers):
    """Book numbers that the API recommends to each of these readers."""
    items = library.recommended(readers, 100)
    return {reader: set(one.numbers.tolist()) for reader, one in zip(readers, items, strict=True)}


def found(library, title):
    """Book numbers that the API finds under this title."""
    return open_serving_state(library.folder, library.pointer).titles.search(title, limit=10)


def listed_anywhere(library):
    return set(np.concatenate(list(library.lists().values())).tolist())


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


# New books, every hour


def test_a_new_book_is_served_and_a_withdrawn_one_gone_within_the_hour(by_steps, run_of, tmp_path):
    library = by_steps
    before = library.manifest
    gone = int(library.lists()["r000"][0])
    title = library.world.books[f"b{gone:02}"].title
    readers = [*sorted(library.lists())[:20], "cold_start_user", "nobody"]
    library.report(("e1", "cold_start_user", "b04", "read", None))
    assert any(gone in books for books in recommended(library, readers).values())
    assert gone in found(library, title)

    del library.world.books[f"b{gone:02}"]
    library.world.books["b80"] = FERRY
    at_once = library.cloned(tmp_path / "at-once", f"{library.settings.redis_prefix}-at-once", library.client)
    accounts = run_of(library, "hourly").new_books()
    assert accounts["embed"]["n_embedded"] == 1
    assert accounts["publish"]["published"]
    generation = library.verified()
    assert (library.manifest.evaluation, library.manifest.gate) == (before.evaluation, before.gate)
    assert generation.catalog.n_books == 81
    assert found(library, FERRY.title) == [80]
    assert any(80 in generation.neighbours.neighbors(number)[0] for number in range(80))
    assert gone not in listed_anywhere(library)
    assert gone not in generation.popularity.overall
    assert not any(gone in generation.neighbours.neighbors(number)[0] for number in range(81))
    assert gone not in found(library, title)
    assert not any(gone in books for books in recommended(library, readers).values())
    assert all(len(books) > 10 for books in recommended(library, readers).values())
    assert len(library.lists()) == 120, "everybody keeps the rest of their list"

    run_of(library, "night").whole()
    run_of(at_once, "night").whole()
    assert library.manifest.artifacts == at_once.manifest.artifacts, "the night is as if there had been no hour before"
    assert library.lists_of(library.manifest.artifacts["collaborative"]) == at_once.served().lists
    assert library.user_states() == at_once.user_states()
    assert gone not in listed_anywhere(library)
    back = {f"b{gone:02}": Book(title, "A. Gain", "tides", "It is back.")}
    library.world.books.update(back)
    run_of(library, "back").new_books()
    assert found(library, title)[0] == gone


def test_hour_after_hour_nothing_piles_up(by_steps, processes, run_of):
    library = by_steps
    sizes = []
    for hour in range(3):
        library.world.books[f"b8{hour}"] = Book(f"Ferry {hour}", "N. Ewcomer", "tides", f"Ferry {hour} carries no one.")
        del library.world.books[f"b0{hour}"]
        run_of(library, f"hour-{hour}").new_books()
        [collected] = processes.together(library, ["generations", "collect"])
        assert collected.code == 0, collected
        assert verify_generation(library.client, library.keys, library.folder, library.pointer)
        keys = library.client.keys(f"{library.settings.redis_prefix}:*")
        n_files = [len(folders(folder)) for folder in (library.folder.artifacts, library.folder.snapshots)]
        sizes.append((len(keys), *n_files, len(list(manifests(library.folder)))))
        assert not library.folder.staging.exists()
    assert sizes[1] == sizes[2]
    assert not run_of(library, "idle").new_books()["publish"]["published"]
    assert not {0, 1, 2} & listed_anywhere(library)


def test_new_books_before_the_first_night_have_to_wait_for_it(by_steps, run_of, client, prefix, tmp_path):
    url, settings = by_steps.settings.redis_url, by_steps.settings
    library = Library.founded(tmp_path / "new", url, f"{prefix}-new", client, batch=settings.batch)
    run = run_of(library, "hourly", keep_collaborative=True)
    run.done("ingest", "embed", "index")
    refused = run.step("publish")
    assert refused.code == FAILED
    assert "There is no served generation whose lists could be kept" in refused.errors
    assert client.get(library.keys.current) is None


def test_an_hour_that_finds_many_books_missing_withdraws_none(by_steps, run_of):
    """As when a source is read while somebody is writing it: not what an hour may decide alone."""
    library = by_steps
    before = library.served()
    for number in range(40):
        del library.world.books[f"b{number:02}"]
    run = run_of(library, "hourly", keep_collaborative=True)
    run.done("ingest", "embed", "index")
    refused = run.step("publish")
    assert refused.code == REFUSED
    assert "40 of 80 books are gone" in refused.errors
    assert library.served() == before
    run.accept = "half of the shelves were sold"
    run.done("publish", "release")
    assert library.manifest.gate.accepted_because == "half of the shelves were sold"
    assert library.verified().id == library.pointer == run.begun["generation"]


# Everything anew


def test_a_rebuild_makes_everything_anew_and_the_next_night_reuses_it(by_steps, run_of):
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


def test_a_rebuild_of_the_same_name_makes_everything_anew_once_more(by_steps, run_of):
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
