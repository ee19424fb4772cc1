"""Whole nights over a small world: what is made again, what is reused, and what readers and books they leave out."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.api.search.titles import TitleIndex
from services.batch.ingest.feedback import user_item_feedback
from services.batch.night.nightly import run_night
from services.batch.night.step_table import STEP_NAMES
from shared.artifacts.generation import (
    ARTIFACT_KINDS,
    OPTIONAL_ARTIFACTS,
    artifact_folder,
)
from shared.publication import manifests
from shared.settings import BlendSettings, CollaborativeSettings
from tests.worlds.small_world import TASTES, Book

ALL_PARTS = sorted(set(ARTIFACT_KINDS) - OPTIONAL_ARTIFACTS)


def listed_anywhere(library):
    """Every book number that some reader's list holds."""
    return set(np.concatenate(list(library.lists().values())).tolist())


def searched(generation, query):
    catalog, popularity = generation.catalog, generation.popularity
    index = TitleIndex(catalog.titles, catalog.authors, popularity.n_ratings, catalog.active, catalog.work_id)
    return index.search(query, limit=10)


# What a night makes


def test_with_one_factor_a_taste_every_reader_gets_the_unread_books_of_their_taste_first(founded):
    """Readers like books of one genre only, so that the matrix falls into four blocks with one right answer."""
    library = founded
    library.night(collaborative=CollaborativeSettings(rank=len(TASTES)))
    assert library.verified().catalog.n_books == 80
    lists = library.lists()
    assert len(lists) == 120
    genres = [book.genre for book in library.world.books.values()]
    for number, (user, listed) in enumerate(sorted(lists.items())):
        taste = TASTES[number % len(TASTES)]
        rated = {int(book[1:]) for reader, book in library.world.stars if reader == user}
        unread = [book for book, genre in enumerate(genres) if genre == taste and book not in rated]
        assert set(listed[: len(unread)].tolist()) == set(unread), user
        assert len(set(listed.tolist())) == len(listed)


def test_the_report_says_what_was_done(founded):
    steps = []
    report = founded.night(steps.append)
    assert tuple(steps) == tuple(report.seconds) == STEP_NAMES
    assert (report.n_embedded, report.n_reused_vectors, report.n_users_listed) == (0, 80, 120)
    assert (report.published, report.reused_artifacts) == (True, [])
    assert report.generation_id == founded.pointer
    manifest = founded.manifest
    counts = {"books": 80, "users": 120, "interactions": 1440}
    of_source = {f"source_{what}": n for what, n in counts.items()}
    assert manifest.counts == {**counts, **of_source, "users_listed": 120}
    assert (manifest.source, manifest.simulated_readers, manifest.rating_scale) == ("small world", False, "1-5")
    assert manifest.snapshot == founded.snapshot.id == report.ingest.snapshot_id


# What a night leaves as it is


def test_a_second_night_on_unchanged_data_publishes_nothing_and_reuses_every_part(library):
    before, state, earlier = library.served(), library.user_states(), library.history
    written = {path: path.stat().st_mtime_ns for path in library.folder.artifacts.rglob("*")}
    report = library.night()
    assert (report.n_embedded, report.n_reused_vectors, report.published) == (0, 80, False)
    assert sorted(report.reused_artifacts) == ALL_PARTS
    assert report.generation_id == before.pointer
    assert not report.ingest.changed
    assert library.served() == before
    assert library.user_states() == state
    assert library.history == earlier
    assert {path: path.stat().st_mtime_ns for path in library.folder.artifacts.rglob("*")} == written
    assert len(list(manifests(library.folder))) == 1


def test_a_changed_description_embeds_one_book_and_leaves_the_readers_alone(library):
    before = library.manifest
    library.world.books["b07"].description = "A submarine pilot falls in love with the voice of a lighthouse."
    report = library.night()
    assert (report.n_embedded, report.n_reused_vectors, report.published) == (1, 79, True)
    assert report.reused_artifacts == ["collaborative"]
    old = np.load(artifact_folder(library.folder, "content", before.artifacts["content"]) / "vectors.npy")
    new = np.load(artifact_folder(library.folder, "content", library.manifest.artifacts["content"]) / "vectors.npy")
    assert np.flatnonzero((old != new).any(axis=1)).tolist() == [7]
    assert library.verified().catalog.record(7)["description"].startswith("A submarine pilot")
    assert library.manifest.artifacts["collaborative"] == before.artifacts["collaborative"]
    again = library.night()
    assert (again.n_embedded, again.published) == (0, False)


def test_a_new_book_alone_leaves_the_factors_and_the_generation_opens(library):
    before = library.served()
    library.world.books["b80"] = Book("The Last Ferry", "N. Ewcomer", "tides", "A ferry among tides carries no one.")
    report = library.night()
    assert (report.n_embedded, report.published) == (1, True)
    assert report.reused_artifacts == ["collaborative"]
    generation = library.verified()
    assert generation.catalog.n_books == 81
    assert len(generation.fold_in.item_factors) == 80
    assert searched(generation, "last ferry") == [80]
    assert len(generation.content.neighbors(80)[0]) > 0
    assert any(80 in generation.content.neighbors(number)[0] for number in range(80))
    assert library.served().lists == before.lists


def test_new_ratings_alone_leave_the_books_as_they_are(library):
    library.world.rate("r000", "b01", 5)
    report = library.night()
    assert (report.published, report.n_embedded) == (True, 0)
    assert sorted(report.reused_artifacts) == ["catalog", "content"]


@pytest.mark.parametrize(
    ("choices", "reused"),
    [
        ({"blend": BlendSettings(collaborative_weight=0.5)}, ALL_PARTS),
        ({"collaborative": CollaborativeSettings(list_length=20)}, ["catalog", "content", "popularity"]),
    ],
    ids=["blend", "list length"],
)
def test_another_setting_makes_only_what_it_shapes(library, choices, reused):
    report = library.night(**choices)
    assert (report.published, sorted(report.reused_artifacts)) == (True, reused)
    assert library.manifest.blend == choices.get("blend", BlendSettings())
    longest = max(len(listed) for listed in library.lists().values())
    assert longest == (20 if "collaborative" in choices else 68)


# Books and readers that come and go


def test_a_withdrawn_book_leaves_index_lists_popular_lists_and_search(library):
    generation = library.verified()
    gone = int(generation.popularity.overall[0])
    title = generation.catalog.titles[gone]
    assert gone in listed_anywhere(library)
    assert searched(generation, title)[0] == gone
    # What was reported of it is still known when it is gone, and gives it factors.
    library.report(*((f"e{n}", f"r{n:03}", f"b{gone:02}", "read", None) for n in range(8)))
    genre, tribe = library.world.books[f"b{gone:02}"].genre, int(generation.content.cluster_of[gone])
    assert gone in generation.popularity.genres[genre]
    assert gone in generation.popularity.clusters[tribe]

    del library.world.books[f"b{gone:02}"]
    report = library.night()
    assert (report.published, report.n_embedded, report.ingest.n_active_books) == (True, 0, 79)
    after = library.verified()
    assert after.catalog.n_books == 80, "its number is not given away"
    assert after.catalog.find(f"b{gone:02}") is None
    assert gone not in listed_anywhere(library)
    assert gone not in after.popularity.overall
    lists = [*after.popularity.genres.values(), *after.popularity.clusters.values()]
    assert not any(gone in numbers for numbers in lists)
    assert not any(gone in after.content.neighbors(number)[0] for number in range(80))
    assert len(after.content.neighbors(gone)[0]) == 0
    assert gone not in searched(after, title)

    library.world.books[f"b{gone:02}"] = Book(title, "A. Gain", genre, "It is back.")
    library.night()
    assert library.verified().catalog.find(f"b{gone:02}") == gone


def test_ratings_of_unknown_books_and_a_reader_of_nothing_else_are_normal(library):
    library.world.rate("r000", "b99", 5)
    library.world.rate("stranger", "b99", 5)
    report = library.night()
    assert report.ingest.n_rejected == 2
    assert report.ingest.rejected_by_reason == {"unknown book": 2}
    assert "stranger" not in library.lists()
    assert library.verified().id == library.pointer


def test_a_reader_who_has_read_everything_has_no_list(library):
    for book in library.world.books:
        library.world.rate("r000", book, 4)
    assert library.night().published
    assert "r000" not in library.lists()
    assert library.seen("r000") == set(range(80))


def test_a_night_without_a_source_takes_the_events_since(library):
    listed = library.lists()["r000"].tolist()
    library.report(("e1", "r000", f"b{listed[0]:02}", "read", None), ("e2", "cold_start_user", "b04", "rating", 5.0))
    report = run_night(library.context, None)
    assert (report.published, report.ingest.n_events) == (True, 2)
    assert library.events() == [("e1", "r000", "read"), ("e2", "cold_start_user", "rating")]
    assert listed[0] not in library.lists()["r000"]
    assert "cold_start_user" in library.lists()


# Laws


@pytest.fixture
def first_night(library, tmp_path):
    """Gives copies of the library, one for each example."""
    numbers = itertools.count()

    def copy():
        name = f"{library.settings.redis_prefix}-{next(numbers)}"
        return library.cloned(tmp_path / name, name, library.client)

    return copy


CHANGES = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 79), st.sampled_from([1.0, 3.0, 5.0]), st.booleans()), max_size=12
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=st.lists(CHANGES, min_size=1, max_size=3))
def test_after_any_nights_no_list_holds_a_book_its_reader_has_seen(first_night, nights):
    """Ratings come, change and are reported as events; the law holds for the data and for what Redis knows."""
    library = first_night()
    for changes in nights:
        for reader, book, stars, is_event in changes:
            if is_event:
                event_id = f"event-{len(library.known_event_ids())}"
                library.report((event_id, f"r{reader:03}", f"b{book:02}", "rating", stars))
            else:
                library.world.rate(f"r{reader:03}", f"b{book:02}", stars)
        library.night()
        known = user_item_feedback(library.snapshot.interactions, library.settings.user_state)
        seen = pd.Series(known.item_index).groupby(known.users[known.rows]).agg(set)
        for user, listed in library.lists().items():
            assert not seen[user] & set(listed.tolist())
            assert not library.seen(user) & set(listed.tolist())
            assert seen[user] <= library.seen(user)
        assert library.verified().id == library.pointer
