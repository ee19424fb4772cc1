"""New books every hour, between two nights."""

from __future__ import annotations

import numpy as np

from services.api.state.generation_manager import open_serving_state
from shared.publication import manifests, verify_generation
from tests.worlds.library import Library
from tests.worlds.small_world import Book

REFUSED, FAILED = 3, 1
FERRY = Book("The Last Ferry", "N. Ewcomer", "tides", "A ferry among tides carries no one.")


def recommended(library, readers):
    """Book numbers that the API recommends to each of these readers."""
    items = library.recommended(readers, 100)
    return {reader: set(one.item_index.tolist()) for reader, one in zip(readers, items, strict=True)}


def found(library, title):
    """Book numbers that the API finds under this title."""
    return open_serving_state(library.folder, library.pointer).titles.search(title, limit=10)


def listed_anywhere(library):
    return set(np.concatenate(list(library.lists().values())).tolist())


def folders(parent):
    return sorted(path.name for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


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
    assert any(80 in generation.content.neighbors(number)[0] for number in range(80))
    assert gone not in listed_anywhere(library)
    assert gone not in generation.popularity.overall
    assert not any(gone in generation.content.neighbors(number)[0] for number in range(81))
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
    assert "There is no served generation with lists to keep" in refused.errors
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
    assert "40 of 80 books (50%)" in refused.errors
    assert library.served() == before
    run.accept = "half of the shelves were sold"
    run.done("publish", "release")
    assert library.manifest.gate.accepted_because == "half of the shelves were sold"
    assert library.verified().id == library.pointer == run.begun["generation"]
