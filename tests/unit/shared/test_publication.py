"""The pointer and its history, and what a generation must be before it is served."""

from __future__ import annotations

import numpy as np
import pytest

from shared.errors import ArtifactError, PublishConflictError
from shared.keys import Keys
from shared.layout import DataFolder
from shared.publication import (
    current_generation,
    flip,
    generation_before,
    history,
    lists_complete,
    manifests,
    verify_generation,
    write_pointer_file,
)
from shared.recommend.codec import pack
from shared.redis import connect_for_batch
from shared.settings import RedisSettings
from tests.worlds.small_generation import FILES, of_numbers, of_scores, write_generation, write_lists


@pytest.fixture(scope="module")
def client(valkey_url):
    with connect_for_batch(valkey_url, RedisSettings()) as connected:
        yield connected


@pytest.fixture
def keys(prefix):
    return Keys(prefix)


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path)


@pytest.fixture
def verify(client, keys, folder):
    """Write a generation with these changes and its lists, and verify it."""

    def of(changed=None):
        write_lists(client, keys, folder, write_generation(folder, "g", changed))
        return verify_generation(client, keys, folder, "g")

    return of


class TestPointer:
    def test_nothing_is_published_at_first(self, client, keys):
        assert current_generation(client, keys) is None
        assert history(client, keys) == []
        with pytest.raises(ArtifactError, match="no earlier generation"):
            generation_before(client, keys, None)

    def test_it_moves_from_what_is_expected_and_keeps_its_history(self, client, keys, folder):
        flip(client, keys, folder, expected=None, to="g1")
        flip(client, keys, folder, expected="g1", to="g2")
        flip(client, keys, folder, expected="g2", to="g3")
        assert current_generation(client, keys) == "g3"
        assert history(client, keys) == ["g3", "g2", "g1"]
        assert generation_before(client, keys, "g3") == "g2"
        assert (folder.generations / "current").read_text() == "g3\n"

    @pytest.mark.parametrize("expected", [None, "g0"])
    def test_it_does_not_move_from_anything_else(self, client, keys, folder, expected):
        flip(client, keys, folder, expected=None, to="g1")
        with pytest.raises(PublishConflictError, match=f"g2 was not published: .* no longer {expected}") as refused:
            flip(client, keys, folder, expected=expected, to="g2")
        assert "generations list" in refused.value.hint
        assert (current_generation(client, keys), history(client, keys)) == ("g1", ["g1"])
        assert (folder.generations / "current").read_text() == "g1\n"

    def test_a_move_sent_twice_is_made_once(self, client, keys, folder):
        for _ in range(2):
            flip(client, keys, folder, expected=None, to="g1")
        assert history(client, keys) == ["g1"]

    def test_the_generation_before_is_not_the_current_one_again(self, client, keys, folder):
        for before, after in ((None, "g1"), ("g1", "g2"), ("g2", "g1")):
            flip(client, keys, folder, expected=before, to=after)
        assert generation_before(client, keys, "g1") == "g2"
        client.delete(keys.history)
        client.rpush(keys.history, "g1", "g1")
        with pytest.raises(ArtifactError, match="no earlier generation"):
            generation_before(client, keys, "g1")

    def test_the_file_is_left_alone_if_it_says_the_same(self, folder):
        write_pointer_file(folder, "g1")
        written = (folder.generations / "current").stat().st_ino
        write_pointer_file(folder, "g1")
        assert (folder.generations / "current").stat().st_ino == written
        write_pointer_file(folder, "g2")
        assert (folder.generations / "current").read_text() == "g2\n"


def test_manifests_come_newest_first_and_one_that_is_damaged_is_named(folder):
    for name in ("g1", "g3", "g2"):
        write_generation(folder, name)
    assert [manifest.id for manifest in manifests(folder)] == ["g3", "g2", "g1"]
    (folder.generations / "g2.json").write_text("{")
    with pytest.raises(ArtifactError, match="manifest of g2"):
        list(manifests(folder))


class TestLists:
    def test_they_are_complete_once_they_are_marked(self, client, keys, folder):
        manifest = write_generation(folder, "g")
        artifact = write_lists(client, keys, folder, manifest)
        assert lists_complete(client, keys, artifact)
        client.delete(keys.collaborative_complete(artifact.id))
        assert not lists_complete(client, keys, artifact)

    @pytest.mark.parametrize("name", ["users.json", "lists.numbers.npy", "lists.scores.npy"])
    def test_a_mark_is_of_these_lists_alone(self, client, keys, folder, name):
        artifact = write_lists(client, keys, folder, write_generation(folder, "g"))
        other = artifact.files[name].model_copy(update={"sha256": "0" * 64})
        rebuilt = artifact.model_copy(update={"files": artifact.files | {name: other}})
        assert not lists_complete(client, keys, rebuilt)

    def test_other_files_do_not_matter_to_it(self, client, keys, folder):
        artifact = write_lists(client, keys, folder, write_generation(folder, "g"))
        other = artifact.files["item_factors.npy"].model_copy(update={"sha256": "0" * 64})
        rebuilt = artifact.model_copy(update={"files": artifact.files | {"item_factors.npy": other}})
        assert lists_complete(client, keys, rebuilt)


class TestVerifyGeneration:
    def test_a_whole_one_is_opened(self, verify):
        assert verify().id == "g"

    def test_one_without_users_clusters_or_listed_books_is_whole(self, verify):
        no_lists = {
            "collaborative/users.json": [],
            "collaborative/lists.numbers.npy": np.empty((0, 3), np.int32),
            "collaborative/lists.scores.npy": np.empty((0, 3), np.float32),
        }
        assert verify(no_lists | {"content/cluster_of.npy": np.full(6, -1, np.int32)}).id == "g"

    def test_a_user_with_an_empty_list_is_no_fault(self, verify):
        assert verify({"collaborative/lists.numbers.npy": of_numbers([1, 0, 3], [-1, -1, -1])}).id == "g"

    def test_neighbors_that_are_not_served_are_refused(self, verify):
        numbers = FILES["content/content.numbers.npy"].copy()
        numbers[1, 1] = 5
        with pytest.raises(ArtifactError, match="index of g names books that are not served, next to book 1"):
            verify({"content/content.numbers.npy": numbers})

    @pytest.mark.parametrize("score", [np.nan, np.inf])
    def test_similarities_that_are_no_numbers_are_refused(self, verify, score):
        scores = FILES["content/content.scores.npy"].copy()
        scores[0, 1] = score
        with pytest.raises(ArtifactError, match="next to book 0"):
            verify({"content/content.scores.npy": scores})

    def test_only_books_in_a_cluster_are_probed(self, verify):
        numbers = FILES["content/content.numbers.npy"].copy()
        numbers[5, 0] = 5
        assert verify({"content/content.numbers.npy": numbers}).id == "g"

    @pytest.mark.parametrize("factor", [np.nan, np.inf])
    def test_factors_that_are_no_numbers_are_refused(self, verify, factor):
        factors = FILES["collaborative/item_factors.npy"].copy()
        factors[2, 1] = factor
        with pytest.raises(ArtifactError, match="item factors of g are not all finite"):
            verify({"collaborative/item_factors.npy": factors})

    @pytest.mark.parametrize("number", [5, 6])
    def test_lists_of_books_that_are_not_served_are_refused(self, verify, number):
        with pytest.raises(ArtifactError, match="list of user 'bob' in g names books that are not served"):
            verify({"collaborative/lists.numbers.npy": of_numbers([1, 0, 3], [4, number, -1])})

    @pytest.mark.parametrize(("stored", "user"), [(None, "ann"), ([0, 1, 3], "ann"), ([], "bob"), ([4, 3], "bob")])
    def test_lists_that_redis_does_not_hold_as_they_are_on_disk_are_refused(self, client, keys, folder, stored, user):
        manifest = write_generation(folder, "g")
        write_lists(client, keys, folder, manifest)
        key = keys.collaborative_list(manifest.artifacts["collaborative"], user)
        client.delete(key)
        if stored is not None:
            client.set(key, pack(of_numbers(stored)[0], np.zeros(len(stored), np.float32)))
        with pytest.raises(ArtifactError, match=f"list of user '{user}' in Redis is not the one of g"):
            verify_generation(client, keys, folder, "g")

    def test_lists_that_are_not_marked_complete_are_refused(self, client, keys, folder):
        manifest = write_generation(folder, "g")
        write_lists(client, keys, folder, manifest)
        client.delete(keys.collaborative_complete(manifest.artifacts["collaborative"]))
        with pytest.raises(ArtifactError, match="Not all lists of g are in Redis"):
            verify_generation(client, keys, folder, "g")

    def test_of_many_users_every_twentieth_of_all_is_probed_from_the_first_on(self, client, keys, folder):
        n_users, step = 400, 20
        lists = {
            "collaborative/users.json": [f"u{n}" for n in range(n_users)],
            "collaborative/lists.numbers.npy": of_numbers(*[[1]] * n_users),
            "collaborative/lists.scores.npy": of_scores(*[[1]] * n_users),
        }
        write_lists(client, keys, folder, write_generation(folder, "g", lists))
        client.delete(*(keys.collaborative_list("g", f"u{n}") for n in range(n_users) if n % step))
        assert verify_generation(client, keys, folder, "g").id == "g"
        for probed in (380, 0):
            client.delete(keys.collaborative_list("g", f"u{probed}"))
            with pytest.raises(ArtifactError, match=f"user 'u{probed}'"):
                verify_generation(client, keys, folder, "g")
