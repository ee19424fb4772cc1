"""A day with new ratings, books and events, and what the run after it should come to."""

from __future__ import annotations

from services.batch.runtime.lease import holder
from shared.artifacts.generation import open_generation, read_pointer_file
from shared.publication import manifests
from tests.worlds.small_world import Book

EVENTS = (
    ("e1", "r003", "b06", "rating", 5.0),
    ("e2", "r003", "b11", "dismiss", None),
    ("e3", "cold_start_user", "b20", "read", None),
)


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
