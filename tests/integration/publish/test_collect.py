"""Collection: what nothing needs goes, what a kept generation shares with it stays. On both servers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.batch.publish.collect import collect
from services.batch.publish.manifest import write_manifest
from services.batch.publish.rollback import rollback
from shared.artifacts.generation import artifact_folder, read_pointer_file
from shared.errors import ArtifactError
from shared.layout import write_durably
from shared.publication import manifests, verify_generation

NOTHING = {"generations": 0, "artifacts": 0, "snapshots": 0, "lists": 0}


@pytest.fixture
def server_url(any_redis_url):
    return any_redis_url


@pytest.fixture
def after_four_nights(copy_of):
    """The library, and the manifests of its generations, oldest first: the first two differ from the rest in books."""

    def nights(library):
        library.night()
        for book, year in (("b01", 1970), ("b02", 1999), ("b03", 1999)):
            library.world.rate("r000", book, 5)
            library.world.books["b00"].year = year
            library.night()

    library = copy_of("four-nights", nights)
    return library, list(manifests(library.folder))[::-1]


def collected(library, grace=timedelta(0)):
    return collect(library.context, grace)


def kept(library):
    return [manifest.id for manifest in manifests(library.folder)]


def folders(parent):
    return {path.name for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")}


def has_lists(library, manifest):
    return len(library.lists_of(manifest.artifacts["collaborative"])) > 0


def is_marked(library, manifest):
    return library.client.exists(library.keys.collaborative_complete(manifest.artifacts["collaborative"])) == 1


def test_current_and_previous_stay_and_the_rest_goes(after_four_nights):
    library, (first, second, third, fourth) = after_four_nights
    before = library.served()
    # Of the first two: two collaborative, popularity and evaluation artifacts, the catalog and content they shared;
    # and the factors of all four, which no generation needs once its lists are made.
    assert collected(library) == {"generations": 2, "artifacts": 12, "snapshots": 2, "lists": 240}
    assert kept(library) == [fourth.id, third.id]
    assert library.history == [fourth.id, third.id]
    used = {f"{kind}-{artifact}" for manifest in (third, fourth) for kind, artifact in manifest.artifacts.items()}
    used |= {f"evaluation-{manifest.evaluation}" for manifest in (third, fourth)}
    assert folders(library.folder.artifacts) == used
    assert folders(library.folder.snapshots) == {third.snapshot, fourth.snapshot}
    assert [has_lists(library, manifest) for manifest in (first, second, third, fourth)] == [False, False, True, True]
    assert [is_marked(library, manifest) for manifest in (first, second, third, fourth)] == [False, False, True, True]
    assert library.served() == before
    for manifest in (third, fourth):
        assert verify_generation(library.client, library.keys, library.folder, manifest.id).id == manifest.id
    assert collected(library) == NOTHING


def test_what_was_collected_is_made_again_when_it_is_wanted_again(after_four_nights):
    library, (first, *_) = after_four_nights
    collected(library)
    for book in ("b01", "b02", "b03"):
        library.world.stars.pop(("r000", book))
    library.world.books["b00"].year = 1970
    report = library.night()
    assert (report.published, report.n_embedded) == (True, 0)
    assert library.manifest.artifacts == first.artifacts
    assert library.verified().id == report.generation_id


def test_the_young_stay(after_four_nights):
    library, generations = after_four_nights
    assert collected(library, timedelta(hours=1)) == {**NOTHING, "artifacts": 4}, "the factors"
    assert kept(library) == [manifest.id for manifest in reversed(generations)]
    now = generations[-1].created_at
    write_manifest(library.folder, generations[0].model_copy(update={"created_at": now - timedelta(hours=3)}))
    assert collected(library, timedelta(hours=1))["generations"] == 1
    assert kept(library) == [manifest.id for manifest in reversed(generations[1:])]


def test_parts_that_a_kept_generation_shares_stay(library):
    first = library.manifest
    for book in ("b01", "b02"):
        library.world.rate("r000", book, 5)
        library.night()
    assert library.manifest.artifacts["content"] == first.artifacts["content"]
    # Collaborative, popularity and evaluation, and three factors. Catalog and content are those of the kept ones.
    assert collected(library) == {"generations": 1, "artifacts": 6, "snapshots": 1, "lists": 120}
    assert library.verified().id == library.pointer


def test_lists_that_a_kept_generation_shares_stay(library):
    for year in (1901, 1902, 1903):
        library.world.books["b00"].year = year
        library.night()
    before = library.served()
    deleted = collected(library)
    assert (deleted["generations"], deleted["lists"]) == (2, 0)
    assert library.served() == before
    assert library.verified().id == library.pointer


def test_after_a_rollback_the_one_gone_back_to_and_the_one_left_stay(after_four_nights):
    library, (first, _, _, fourth) = after_four_nights
    rollback(library.context, first.id)
    assert collected(library)["generations"] == 2
    assert set(kept(library)) == {first.id, fourth.id}
    assert library.verified().id == first.id


def test_what_the_pointer_file_names_stays_whatever_redis_says(after_four_nights):
    library, (first, *_) = after_four_nights
    write_durably(library.folder.generations / "current", f"{first.id}\n".encode())
    assert collected(library)["generations"] == 1
    assert read_pointer_file(library.folder) == first.id
    assert first.id in kept(library)


def test_the_newest_snapshot_stays_though_no_generation_uses_it(library, monkeypatch):
    library.world.rate("r000", "b01", 5)

    def refuse(*_arguments):
        raise ArtifactError("Not fit.")

    monkeypatch.setattr("services.batch.publish.publish.verify_generation", refuse)
    with pytest.raises(ArtifactError):
        library.night()
    newest = library.snapshot.id
    assert newest != library.manifest.snapshot
    assert collected(library)["generations"] == 1
    assert folders(library.folder.snapshots) == {newest, library.manifest.snapshot}


def test_folders_whose_names_begin_with_a_dot_are_left_alone(library):
    staging = library.folder.snapshots / ".staging"
    staging.mkdir()
    (staging / "books.parquet").write_bytes(b"being written")
    (library.folder.artifacts / ".trash").mkdir()
    assert collected(library) == {**NOTHING, "artifacts": 1}, "the factors"
    assert (staging / "books.parquet").read_bytes() == b"being written"
    assert (library.folder.artifacts / ".trash").is_dir()
    assert (library.folder.snapshots / ".lock").is_file()


def test_what_a_dead_run_left_in_staging_goes(library):
    leftover = library.folder.staging / "content-0000"
    leftover.mkdir(parents=True)
    (leftover / "vectors.npy").write_bytes(b"half")
    collected(library)
    assert not library.folder.staging.exists()


def test_markers_go_before_lists(after_four_nights, monkeypatch):
    """Collection that dies between the two leaves lists nobody takes for complete, and the next one takes them."""
    library, (first, second, *_) = after_four_nights
    unlink = library.client.unlink

    def die_at_lists(*names):
        if b":cf:" in names[0]:
            raise KeyboardInterrupt
        return unlink(*names)

    with monkeypatch.context() as patch:
        patch.setattr(library.client, "unlink", die_at_lists)
        with pytest.raises(KeyboardInterrupt):
            collected(library)
    assert not any(is_marked(library, manifest) for manifest in (first, second))
    assert all(has_lists(library, manifest) for manifest in (first, second))
    assert library.verified().id == library.pointer
    assert collected(library) == {"generations": 0, "artifacts": 12, "snapshots": 2, "lists": 240}


def test_lists_and_state_of_another_prefix_and_of_users_are_left_alone(after_four_nights):
    library, _ = after_four_nights
    states = library.user_states()
    neighbour = f"{library.settings.redis_prefix}-neighbour:cf:0000:{{u}}"
    library.client.set(neighbour, b"theirs")
    collected(library)
    assert library.client.get(neighbour) == b"theirs"
    assert library.user_states() == states


def test_nothing_is_collected_where_the_current_generation_is_not(library):
    library.client.set(library.keys.current, "of-another-folder")
    with pytest.raises(ArtifactError, match="not in this data folder"):
        collected(library)
    assert len(kept(library)) == 1
    assert artifact_folder(library.folder, "content", next(manifests(library.folder)).artifacts["content"]).is_dir()


def test_before_the_first_night_there_is_nothing_to_collect(founded):
    assert collected(founded) == NOTHING
