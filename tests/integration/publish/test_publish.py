"""Publishing: lists complete before they count, a pointer that moves whole or not at all, the way back.

Everything here holds on both servers.
"""

from __future__ import annotations

import numpy as np
import pytest

from services.batch.publish.manifest import write_manifest
from services.batch.publish.rollback import rollback
from shared.artifacts.generation import (
    artifact_folder,
    read_manifest,
    read_pointer_file,
)
from shared.errors import ArtifactError, PublishConflictError
from shared.publication import flip, verify_generation
from shared.recommend.codec import pack
from tests.worlds.small_world import Book


@pytest.fixture
def server_url(any_redis_url):
    return any_redis_url


def unpublished(library, generation_id, **artifacts):
    """A manifest like the current one, with these artifacts instead, written but not published."""
    current = library.manifest
    manifest = current.model_copy(update={"id": generation_id, "artifacts": {**current.artifacts, **artifacts}})
    write_manifest(library.folder, manifest)
    return manifest


def go_back(library, to=None):
    return rollback(library.context, to).id


def move(library, *, expected, to):
    flip(library.client, library.keys, library.folder, expected=expected, to=to)


def verify(library, generation_id):
    return verify_generation(library.client, library.keys, library.folder, generation_id)


def lists_folder(library):
    return artifact_folder(library.folder, "collaborative", library.manifest.artifacts["collaborative"])


def unlink_lists(library, artifact_id):
    names = list(library.client.scan_iter(match=f"{library.keys.collaborative_prefix(artifact_id)}*"))
    library.client.unlink(library.keys.collaborative_complete(artifact_id), *names)


# The pointer


def test_a_flip_moves_the_pointer_its_copy_on_disk_and_the_history(library):
    before = library.pointer
    move(library, expected=before, to="next")
    assert library.pointer == read_pointer_file(library.folder) == "next"
    assert library.history == ["next", before]


@pytest.mark.parametrize("expected", [None, "somebody-elses"])
def test_a_flip_whose_pointer_has_moved_meanwhile_is_refused_and_changes_nothing(library, expected):
    before, earlier = library.served(), library.history
    with pytest.raises(PublishConflictError, match=f"no longer {expected}"):
        move(library, expected=expected, to="next")
    assert library.served() == before
    assert library.history == earlier


def test_a_first_flip_needs_an_empty_redis_to_be_expected(founded):
    with pytest.raises(PublishConflictError):
        move(founded, expected="gone", to="first")
    assert founded.client.get(founded.keys.current) is None
    assert read_pointer_file(founded.folder) is None
    move(founded, expected=None, to="first")
    assert founded.pointer == "first"


def test_a_flip_sent_twice_because_the_first_answer_was_lost_is_one_flip(library):
    before = library.pointer
    move(library, expected=before, to="next")
    move(library, expected=before, to="next")
    assert library.history == ["next", before]


# What is refused


def test_a_generation_whose_lists_are_not_marked_complete_is_refused(library):
    library.client.unlink(library.keys.collaborative_complete(library.manifest.artifacts["collaborative"]))
    with pytest.raises(ArtifactError, match="Not all lists"):
        library.verified()


@pytest.mark.parametrize("value", [None, pack(np.array([3, 1], np.int32), np.array([0.5, 0.25], np.float32))])
def test_a_list_in_redis_that_is_not_the_parts_is_refused(library, value):
    key = library.keys.collaborative_list(library.manifest.artifacts["collaborative"], "r000")
    if value is None:
        library.client.unlink(key)
    else:
        library.client.set(key, value)
    with pytest.raises(ArtifactError, match="'r000' in Redis is not the one"):
        library.verified()


def test_parts_that_do_not_fit_each_other_are_refused(library):
    old = library.manifest
    library.world.books["b80"] = Book("The New One", "N. Ewcomer", "tides", "Wet.")
    library.night()
    for kind, what in (("content", "80 rows of content neighbors"), ("popularity", "80 rows of ratings")):
        unpublished(library, f"mixed-{kind}", **{kind: old.artifacts[kind]})
        with pytest.raises(ArtifactError, match=f"{what} for 81 books"):
            verify(library, f"mixed-{kind}")
    unpublished(library, "mixed-catalog", catalog=old.artifacts["catalog"])
    with pytest.raises(ArtifactError, match="81 rows of content neighbors for 80 books"):
        verify(library, "mixed-catalog")


def test_lists_with_a_book_that_the_catalogue_no_longer_serves_are_refused(library):
    old = library.manifest
    popular = int(library.verified().popularity.overall[0])
    del library.world.books[f"b{popular:02}"]
    library.night()
    unpublished(library, "mixed", collaborative=old.artifacts["collaborative"])
    with pytest.raises(ArtifactError, match="names books that are not served"):
        verify(library, "mixed")
    with pytest.raises(ArtifactError, match="names books that are not served"):
        go_back(library, "mixed")


def test_a_manifest_without_a_part_is_refused(library):
    current = library.manifest
    artifacts = {kind: artifact for kind, artifact in current.artifacts.items() if kind != "popularity"}
    write_manifest(library.folder, current.model_copy(update={"id": "partial", "artifacts": artifacts}))
    with pytest.raises(ArtifactError, match="names no popularity artifact"):
        verify(library, "partial")


# The way back


@pytest.fixture
def after_three_nights(copy_of):
    """The library, and its generations, oldest first."""

    def nights(library):
        library.night()
        for book in ("b01", "b02"):
            library.world.rate("r000", book, 5)
            library.world.books["b00"].year += 1
            library.night()

    library = copy_of("three-nights", nights)
    return library, library.history[::-1]


def test_rollback_serves_the_generation_before(after_three_nights):
    library, (_, second, third) = after_three_nights
    assert library.pointer == third
    assert go_back(library) == second
    assert library.pointer == read_pointer_file(library.folder) == library.verified().id == second
    assert library.history[:2] == [second, third]


def test_rollback_to_a_named_generation(after_three_nights):
    library, (first, _, third) = after_three_nights
    assert go_back(library, first) == first
    assert library.pointer == read_pointer_file(library.folder) == library.verified().id == first
    assert go_back(library) == third, "the one published before"


def test_rollback_writes_lists_that_redis_no_longer_has(after_three_nights):
    library, (first, *_) = after_three_nights
    artifact_id = read_manifest(library.folder, first).artifacts["collaborative"]
    before = library.lists_of(artifact_id)
    assert len(before) == 120
    unlink_lists(library, artifact_id)
    go_back(library, first)
    assert library.pointer == library.verified().id == first
    assert library.lists_of(artifact_id) == before


def test_there_is_nothing_before_the_first(library):
    before = library.served()
    with pytest.raises(ArtifactError, match="no earlier generation"):
        go_back(library)
    assert library.served() == before


def test_rollback_to_what_is_not_there_is_refused(library):
    before = library.served()
    with pytest.raises(ArtifactError, match="There is no generation 'nowhere'"):
        go_back(library, "nowhere")
    assert library.served() == before


@pytest.mark.parametrize("kind", ["catalog", "content", "collaborative", "popularity"])
def test_rollback_to_a_damaged_generation_is_refused(after_three_nights, kind):
    library, (first, _, third) = after_three_nights
    other = read_manifest(library.folder, first)
    before = library.served()
    path = artifact_folder(library.folder, kind, other.artifacts[kind])
    file = max(path.glob("*.npy"), key=lambda file: file.stat().st_size)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    unlink_lists(library, other.artifacts["collaborative"])
    with pytest.raises(ArtifactError, match="does not match its recorded checksum"):
        go_back(library, first)
    assert library.served() == before
    assert library.pointer == third


def test_rollback_to_a_generation_whose_lists_are_gone_from_disk_is_refused(after_three_nights):
    library, (first, *_) = after_three_nights
    before = library.served()
    path = artifact_folder(
        library.folder, "collaborative", read_manifest(library.folder, first).artifacts["collaborative"]
    )
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(ArtifactError, match=r"has no artifact\.json"):
        go_back(library, first)
    assert library.served() == before


def test_rollback_while_another_publishes_is_refused(after_three_nights, monkeypatch):
    library, (first, second, _) = after_three_nights

    def publish_meanwhile(*arguments):
        library.client.set(library.keys.current, second)
        return verify_generation(*arguments)

    monkeypatch.setattr("services.batch.publish.rollback.verify_generation", publish_meanwhile)
    with pytest.raises(PublishConflictError):
        go_back(library, first)
    assert library.pointer == second


def test_the_next_night_after_a_rollback_publishes_again(after_three_nights):
    library, (_, second, third) = after_three_nights
    artifacts = library.manifest.artifacts
    go_back(library)
    report = library.night()
    assert report.published
    assert report.generation_id not in (second, third)
    assert library.manifest.artifacts == artifacts
    assert len(report.reused_artifacts) == 4
