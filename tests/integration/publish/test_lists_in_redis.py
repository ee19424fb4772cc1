"""The lists of users in Redis: complete before they count, under keys of their artifact.

Everything here holds on both servers.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from services.batch.publish import lists as written_lists
from services.batch.publish.lists import write_lists
from services.batch.runtime.context import RunContext
from shared.artifacts.generation import (
    FileInfo,
    artifact_folder,
    sha256_of,
    verify_artifact,
)
from shared.errors import ArtifactError
from shared.keys import Keys
from shared.publication import lists_complete
from shared.recommend.codec import unpack


@pytest.fixture
def server_url(any_redis_url):
    return any_redis_url


def lists_folder(library):
    return artifact_folder(library.folder, "collaborative", library.manifest.artifacts["collaborative"])


def test_every_list_of_the_part_is_in_redis_packed_and_marked(library):
    path = lists_folder(library)
    artifact = verify_artifact(path)
    numbers, scores = np.load(path / "lists.numbers.npy"), np.load(path / "lists.scores.npy")
    users = json.loads((path / "users.json").read_bytes())
    lists = library.lists_of(artifact.id)
    assert len(users) == 120
    assert set(lists) == {f"{{{user}}}".encode() for user in users}
    for row, user in enumerate(users):
        listed = numbers[row] >= 0
        found_numbers, found_scores = unpack(lists[f"{{{user}}}".encode()])
        np.testing.assert_array_equal(found_numbers, numbers[row][listed])
        np.testing.assert_array_equal(found_scores, scores[row][listed])
    assert lists_complete(library.client, library.keys, artifact)


def test_lists_that_are_complete_are_not_written_again(library, monkeypatch):
    monkeypatch.setattr(written_lists, "pack", lambda *_arguments: pytest.fail("written again"))
    assert write_lists(library.context, lists_folder(library)) == 120


def test_lists_under_another_prefix_are_their_own(library):
    prefix = f"{library.settings.redis_prefix}-other"
    other, settings = Keys(prefix), library.settings.model_copy(update={"redis_prefix": prefix})
    artifact = verify_artifact(lists_folder(library))
    assert not lists_complete(library.client, other, artifact)
    write_lists(RunContext(settings, client=library.client), lists_folder(library))
    assert lists_complete(library.client, other, artifact)


def test_a_part_built_again_with_other_lists_is_written_again(library):
    """A damaged artifact is rebuilt under its id, and another number of threads may order equal scores otherwise."""
    path = lists_folder(library)
    numbers = np.load(path / "lists.numbers.npy")
    first, second = numbers[:, 0].copy(), numbers[:, 1].copy()
    numbers[:, 0], numbers[:, 1] = second, first
    np.save(path / "lists.numbers.npy", numbers)
    artifact = verify_part_as_written_now(path)
    assert not lists_complete(library.client, library.keys, artifact)
    with pytest.raises(ArtifactError, match="Not all lists"):
        library.verified()
    write_lists(library.context, path)
    assert library.verified().id == library.pointer
    users = json.loads((path / "users.json").read_bytes())
    lists = library.lists()
    assert [lists[user][0] for user in users] == second.tolist()


def verify_part_as_written_now(path):
    """Give an artifact the checksums of what it holds now, as a new build would."""
    artifact = json.loads((path / "artifact.json").read_bytes())
    for name in artifact["files"]:
        file = path / name
        artifact["files"][name] = FileInfo(n_bytes=file.stat().st_size, sha256=sha256_of(file)).model_dump()
    (path / "artifact.json").write_text(json.dumps(artifact))
    return verify_artifact(path)
