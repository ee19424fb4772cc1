"""Generations: opened whole or refused by name, and what two of them share is opened once."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from services.batch.runtime.artifact_builder import build_artifact
from shared.artifacts.generation import (
    GenerationManifest,
    artifact_folder,
    canonical_json,
    content_id,
    open_generation,
    read_artifact,
    read_manifest,
    read_pointer_file,
    verify_artifact,
)
from shared.errors import ArtifactError
from shared.layout import DataFolder
from shared.settings import BlendSettings
from tests.worlds.small_generation import FILES, N_BOOKS, of_numbers, of_scores, reranker_files, write_generation

LEARNED = {"learned": True, "n_ranked": 4, "n_recent": 2}
TRENDING = {"trending.numbers.npy": of_numbers([3, 0])[0], "trending.scores.npy": of_scores([1, 0.5])[0]}
TRANSITIONS = {
    "item_transitions.numbers.npy": of_numbers([3], [0]),
    "item_transitions.scores.npy": of_scores([1], [1]),
}


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path)


def of_kind(kind, files):
    return {f"{kind}/{name}": content for name, content in files.items()}


def write_manifest(folder, manifest):
    (folder.generations / f"{manifest.id}.json").write_text(manifest.model_dump_json())


class TestOpen:
    def test_all_artifacts_are_opened(self, folder):
        changed = of_kind("collaborative", TRENDING | TRANSITIONS) | of_kind("reranker", reranker_files())
        write_generation(folder, "g", changed, reranker=LEARNED)
        generation = open_generation(folder, "g")
        assert (generation.id, generation.collaborative_id) == ("g", "g")
        assert generation.catalog.n_books == generation.content.n_books == generation.popularity.n_books == N_BOOKS
        assert generation.item_transitions.neighbors(1)[0].tolist() == [0]
        assert generation.trending[0].tolist() == [3, 0]
        assert generation.fold_in.n_books == N_BOOKS
        assert (generation.reranker.n_ranked, generation.reranker.n_recent) == (4, 2)
        generator = generation.candidate_generator
        assert (generator.content, generator.item_transitions) == (generation.content, generation.item_transitions)
        assert (generator.same_series_author, generator.trending) == (
            generation.same_series_author,
            generation.trending,
        )
        assert generator.settings == generation.manifest.blend

    def test_without_a_reranker_trending_books_and_transitions_it_is_whole(self, folder):
        write_generation(folder, "g")
        generation = open_generation(folder, "g")
        assert generation.reranker is None
        assert len(generation.trending[0]) == generation.item_transitions.n_books == 0

    def test_a_reranker_that_learned_nothing_is_none(self, folder):
        write_generation(folder, "g", of_kind("reranker", {"groups.npy": of_numbers([])}), reranker={"learned": False})
        assert open_generation(folder, "g").reranker is None

    @pytest.mark.parametrize(
        ("kind", "opened"),
        [
            ("catalog", {"catalog", "same_series_author", "content"}),
            ("content", {"content"}),
            ("collaborative", {"item_transitions", "trending", "fold_in"}),
            ("popularity", {"popularity"}),
            ("reranker", {"reranker"}),
        ],
    )
    def test_only_what_differs_from_the_previous_one_is_opened(self, folder, kind, opened):
        files = of_kind("reranker", reranker_files()) | of_kind("collaborative", TRENDING)
        write_generation(folder, "g1", files, reranker=LEARNED)
        write_generation(folder, "g2", files, **{"reranker": LEARNED, kind: LEARNED})
        manifest = read_manifest(folder, "g2")
        shared = {"reranker": "g1", "collaborative": "g1", kind: "g2"}
        write_manifest(folder, manifest.model_copy(update={"artifacts": manifest.artifacts | shared}))
        previous = open_generation(folder, "g1")
        generation = open_generation(folder, "g2", previous=previous)
        names = ("catalog", "content", "popularity", "same_series_author", "item_transitions", "trending", "fold_in")
        differing = {n for n in (*names, "reranker") if getattr(generation, n) is not getattr(previous, n)}
        assert differing == opened

    def test_an_artifact_that_the_manifest_does_not_name_is_missing(self, folder):
        manifest = write_generation(folder, "g")
        artifacts = {kind: manifest.artifacts[kind] for kind in ("catalog", "collaborative")}
        (folder.generations / "g.json").write_text(
            manifest.model_copy(update={"artifacts": artifacts}).model_dump_json()
        )
        with pytest.raises(ArtifactError, match="g names no content and no popularity artifact"):
            open_generation(folder, "g")

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            (
                {
                    "content/cluster_of.npy": np.zeros(7, np.int32),
                    "content/content.numbers.npy": of_numbers(*[[-1]] * 7),
                    "content/content.scores.npy": of_scores(*[[0]] * 7),
                },
                "7 rows of content neighbors for 6 books",
            ),
            ({"popularity/n_ratings.npy": np.zeros(5, np.int64)}, "5 rows of ratings"),
            (
                dict.fromkeys(
                    ("collaborative/item_factors.npy", "collaborative/fold_in_factors.npy"), of_scores(*[[1]] * 7)
                ),
                "7 rows of item factors",
            ),
            (
                {
                    "collaborative/item_transitions.numbers.npy": of_numbers(*[[-1]] * 7),
                    "collaborative/item_transitions.scores.npy": of_scores(*[[0]] * 7),
                },
                "7 rows of item_transitions",
            ),
            (of_kind("reranker", reranker_files() | {"metadata.npy": np.zeros((7, 6), np.float32)}), "of the reranker"),
        ],
        ids=["content", "popularity", "factors", "transitions", "reranker"],
    )
    def test_artifacts_that_do_not_fit_the_catalogue_are_refused(self, folder, changed, message):
        write_generation(folder, "g", changed, **({"reranker": LEARNED} if "reranker" in message else {}))
        with pytest.raises(ArtifactError, match=message) as refused:
            open_generation(folder, "g")
        assert "nightshelf nightly" in refused.value.hint

    def test_models_may_be_older_than_the_catalogue(self, folder):
        factors = FILES["collaborative/item_factors.npy"][:5]
        write_generation(
            folder, "g", of_kind("collaborative", {"item_factors.npy": factors, "fold_in_factors.npy": factors})
        )
        assert open_generation(folder, "g").fold_in.n_books == 5


class TestArtifact:
    @pytest.fixture
    def path(self, folder):
        build_artifact(folder, "catalog", "0a", lambda path: {"n": (path / "ids.json").write_bytes(b"[1]")})
        return artifact_folder(folder, "catalog", "0a")

    def test_a_whole_one_is_verified_and_its_manifest_says_what_it_is(self, path):
        manifest = verify_artifact(path)
        assert (manifest.kind, manifest.id, manifest.metadata) == ("catalog", "0a", {"n": 3})
        assert manifest.files["ids.json"].sha256 == hashlib.sha256(b"[1]").hexdigest()
        assert read_artifact(path) == manifest

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, "ids.json of catalog-0a is missing or cut short"),
            (b"[1", "ids.json of catalog-0a is missing or cut short"),
            (b"[2]", "ids.json of catalog-0a does not match its recorded checksum"),
        ],
    )
    def test_a_damaged_file_is_named(self, path, content, message):
        file = path / "ids.json"
        file.unlink()
        if content:
            file.write_bytes(content)
        with pytest.raises(ArtifactError, match=message) as refused:
            verify_artifact(path)
        assert refused.value.where == str(file)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, "catalog-0a has no artifact.json"),
            ("{", "artifact.json of catalog-0a is not readable"),
            ('{"kind": "catalog", "id": "0a", "format": 2, "files": {}}', "format 2; this code reads 1"),
        ],
    )
    def test_without_a_manifest_of_this_format_it_is_refused(self, path, content, message):
        (path / "artifact.json").unlink()
        if content:
            (path / "artifact.json").write_text(content)
        with pytest.raises(ArtifactError, match=message):
            verify_artifact(path)

    def test_one_of_an_earlier_version_is_found_until_it_is_written_again(self, folder):
        retired = folder.retired_artifacts / "ranker-0a"
        assert artifact_folder(folder, "reranker", "0a") == folder.artifacts / "reranker-0a"
        retired.mkdir(parents=True)
        assert artifact_folder(folder, "reranker", "0a") == retired
        (folder.artifacts / "reranker-0a").mkdir(parents=True)
        assert artifact_folder(folder, "reranker", "0a") == folder.artifacts / "reranker-0a"


class TestManifest:
    def test_one_that_is_absent_or_damaged_is_named(self, folder):
        with pytest.raises(ArtifactError, match="no generation 'g'"):
            read_manifest(folder, "g")
        folder.generations.mkdir()
        (folder.generations / "g.json").write_text("[]")
        with pytest.raises(ArtifactError, match="manifest of g is not readable") as refused:
            read_manifest(folder, "g")
        assert refused.value.where == str(folder.generations / "g.json")

    def test_a_weight_younger_than_the_generation_is_zero_in_it(self, folder):
        written = write_generation(folder, "g").model_dump(mode="json")
        assert GenerationManifest.model_validate(written).blend == BlendSettings()
        del written["blend"]["few_books_trending_weight"]
        assert GenerationManifest.model_validate(written).blend.few_books_trending_weight == 0

    @pytest.mark.parametrize(("content", "expected"), [(None, None), ("", None), ("\n", None), ("g1\n", "g1")])
    def test_the_pointer_on_disk(self, folder, content, expected):
        folder.generations.mkdir()
        if content is not None:
            (folder.generations / "current").write_text(content)
        assert read_pointer_file(folder) == expected


def test_the_same_content_has_the_same_id():
    assert canonical_json({"b": 1, 2: [None]}) == canonical_json({2: [None], "b": 1}) == b'{"2":[null],"b":1}'
    assert content_id([1]) == hashlib.sha256(b"[1]").hexdigest()[:16]
