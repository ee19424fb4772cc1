"""Nights over damaged artifacts or a lost Redis, and nights that something overtakes."""

from __future__ import annotations

import pytest

from services.batch.runtime.lease import only_run
from shared.artifacts.generation import (
    ARTIFACT_KINDS,
    OPTIONAL_ARTIFACTS,
    artifact_folder,
    read_pointer_file,
    verify_artifact,
)
from shared.errors import ArtifactError, PublishConflictError, RunActiveError
from shared.publication import flip

ALL_PARTS = sorted(set(ARTIFACT_KINDS) - OPTIONAL_ARTIFACTS)


@pytest.mark.parametrize("kind", ALL_PARTS)
def test_a_damaged_part_is_built_again(library, kind):
    before = library.served()
    path = artifact_folder(library.folder, kind, library.manifest.artifacts[kind])
    file = max((path / name for name in verify_artifact(path).files), key=lambda file: file.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x40
    file.write_bytes(content)
    with pytest.raises(ArtifactError, match="does not match its recorded checksum"):
        library.verified()
    report = library.night()
    assert sorted([*report.reused_artifacts, kind]) == ALL_PARTS
    assert (report.published, report.n_embedded) == (False, 0)
    assert library.served() == before
    assert library.verified().id == before.pointer


@pytest.mark.parametrize("name", ["artifact.json", None], ids=["artifact.json", "another file"])
def test_a_part_with_a_file_missing_is_built_again(library, name):
    path = artifact_folder(library.folder, "popularity", library.manifest.artifacts["popularity"])
    (path / (name or "popular.json")).unlink()
    report = library.night()
    assert sorted([*report.reused_artifacts, "popularity"]) == ALL_PARTS
    assert library.verified().id == library.pointer


def test_lists_lost_from_redis_are_written_again(library):
    before = library.served()
    artifact = library.manifest.artifacts["collaborative"]
    library.client.unlink(
        library.keys.collaborative_complete(artifact), library.keys.collaborative_list(artifact, "r000")
    )
    assert not library.night().published
    assert library.served() == before


def test_an_empty_redis_is_filled_again_from_disk(library):
    before, state = library.served(), library.user_states()
    library.client.unlink(*library.client.keys(f"{library.settings.redis_prefix}:*"))
    report = library.night()
    assert report.published
    assert sorted(report.reused_artifacts) == ALL_PARTS
    assert library.served().lists == before.lists
    assert library.user_states() == state
    assert library.pointer == read_pointer_file(library.folder) == library.verified().id


def test_a_second_run_at_once_is_told_so(library):
    before = library.served()
    with only_run(library.folder, lease_minutes=60), pytest.raises(RunActiveError) as raised:
        library.night()
    assert raised.value.where == str(library.folder.root)
    assert raised.value.hint
    assert library.served() == before
    assert not library.night().published, "the lock is free again"


@pytest.mark.parametrize("step", ["index", "lists", "publish"])
def test_a_night_that_was_overtaken_publishes_nothing(library, step):
    first = library.pointer
    library.world.rate("r000", "b01", 5)
    library.night()
    second, earlier = library.pointer, library.history
    library.world.rate("r000", "b02", 5)

    def overtake(name):
        if name == step:
            flip(library.client, library.keys, library.folder, expected=second, to=first)

    with pytest.raises(PublishConflictError, match=f"no longer {second}"):
        library.night(overtake)
    assert library.pointer == read_pointer_file(library.folder) == library.verified().id == first
    assert library.history == [first, *earlier]
    assert library.night().published


def test_a_generation_that_is_not_fit_to_be_served_is_not_published(library):
    before = library.served()
    library.world.rate("r000", "b01", 5)

    def lose_a_list(step):
        if step == "verify":
            names = library.client.keys(f"{library.keys.collaborative_prefix('')[:-1]}*{{r000}}")
            library.client.unlink(*(name for name in names if before_artifact not in name))

    before_artifact = library.manifest.artifacts["collaborative"].encode()
    with pytest.raises(ArtifactError, match="'r000' in Redis is not the one"):
        library.night(lose_a_list)
    assert library.served() == before
    assert library.verified().id == before.pointer
