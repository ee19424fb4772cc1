"""The content artifact: `shared.artifacts.content` opens it, and its recall is correct."""

from __future__ import annotations

import faiss
import numpy as np
import pandas as pd
import pytest

from services.batch.content.index import build_content, build_index, index_factory
from services.batch.content.projection import project
from services.batch.runtime.progress import SILENT
from shared.artifacts.content import ContentNeighbors
from shared.errors import ArtifactError
from shared.settings import ContentSettings

DIMENSIONS = 24
FILES = {
    "vectors.npy",
    "index.faiss",
    "content.numbers.npy",
    "content.scores.npy",
    "cluster_of.npy",
    "map.npy",
    "clusters.json",
}


def unit_vectors(n, seed=0, dimensions=DIMENSIONS):
    vectors = np.random.default_rng(seed).standard_normal((n, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_books(n, inactive=()):
    return pd.DataFrame(
        {
            "title": [f"Title {number}" for number in range(n)],
            "authors": [[f"Author {number}"] for number in range(n)],
            "genres": [["fantasy"] for _ in range(n)],
            "description": [None] * n,
            "active": [number not in inactive for number in range(n)],
        }
    )


def build(folder, vectors, books, **settings):
    folder.mkdir()
    metadata = build_content(folder, vectors, books, ContentSettings(**settings), threads=2, progress=SILENT)
    assert {path.name for path in folder.iterdir()} == FILES
    return metadata, ContentNeighbors.open(folder, np.arange(len(books), dtype=np.int32))


def test_neighbours_are_those_of_brute_force_and_never_inactive(tmp_path):
    vectors, inactive = unit_vectors(300), {0, 17, 299}
    vectors[sorted(inactive)] = 0

    metadata, neighbours = build(tmp_path / "artifact", vectors, make_books(300, inactive))

    assert metadata["index"] == "exact"
    assert (metadata["n_books"], metadata["n_indexed"]) == (300, 297)
    similarity = vectors @ vectors.T
    similarity[:, sorted(inactive)] = -np.inf
    np.fill_diagonal(similarity, -np.inf)
    for number in (1, 100, 298):
        numbers, scores = neighbours.neighbors(number)
        assert numbers.tolist() == (-similarity[number]).argsort(kind="stable")[:100].tolist()
        np.testing.assert_allclose(scores, similarity[number][numbers], atol=1e-6)
    assert neighbours.neighbors(17)[0].tolist() == []
    assert neighbours.cluster_of[sorted(inactive)].tolist() == [-1, -1, -1]
    assert neighbours.cluster_of[1] >= 0
    assert sum(cluster["n_books"] for cluster in neighbours.clusters) == 297


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_tiny_catalogues_are_whole(tmp_path, n):
    metadata, neighbours = build(tmp_path / "artifact", unit_vectors(n), make_books(n))

    assert metadata["n_indexed"] == neighbours.n_books == n
    assert [len(neighbours.neighbors(number)[0]) for number in range(n)] == [n - 1] * n
    assert np.load(tmp_path / "artifact" / "map.npy").shape == (n, 2)
    assert sum(cluster["n_books"] for cluster in neighbours.clusters) == n


@pytest.mark.parametrize("books", [make_books(6, range(6)), make_books(6)], ids=["none active", "no texts"])
def test_a_catalogue_without_vectors_has_no_neighbours_and_no_clusters(tmp_path, books):
    metadata, neighbours = build(tmp_path / "artifact", np.zeros((6, DIMENSIONS), np.float32), books)

    assert metadata["n_indexed"] == metadata["n_clusters"] == 0
    assert neighbours.neighbors(3)[0].tolist() == []
    assert set(neighbours.cluster_of.tolist()) == {-1}


def test_books_that_are_all_alike_are_one_cluster(tmp_path):
    vectors = np.repeat(unit_vectors(1), 40, axis=0)

    _, neighbours = build(tmp_path / "artifact", vectors, make_books(40))

    assert [cluster["n_books"] for cluster in neighbours.clusters] == [40]
    assert len(neighbours.neighbors(0)[0]) == 39


def test_the_same_input_gives_the_same_bytes(tmp_path):
    vectors, books = unit_vectors(400), make_books(400)
    build(tmp_path / "one", vectors, books)
    build(tmp_path / "two", vectors, books)

    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_refuses_vectors_that_are_not_these_books(tmp_path):
    settings = ContentSettings()
    with pytest.raises(ArtifactError, match="3 books"):
        build_content(tmp_path, unit_vectors(2), make_books(3), settings, threads=1, progress=SILENT)
    vectors = np.full((3, DIMENSIONS), np.nan, np.float32)
    with pytest.raises(ArtifactError, match="NaN"):
        build_content(tmp_path, vectors, make_books(3), settings, threads=1, progress=SILENT)


@pytest.fixture
def clustered():
    """3,000 unit vectors in 60 clouds, as descriptions are; numbers with gaps."""
    centres = unit_vectors(60)
    vectors = centres[np.arange(3000) % 60] + unit_vectors(3000, seed=1) * 0.7
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, np.flatnonzero(np.arange(3000) % 7)


def test_the_size_alone_decides_the_kind_of_index():
    assert index_factory(50_000, 50_000) == "IDMap2,Flat"
    assert index_factory(90_000, 50_000) == "IVF1200,Flat"


def test_recall_beyond_the_exact_size_is_what_brute_force_finds(tmp_path, clustered):
    vectors, _ = clustered

    metadata, neighbours = build(tmp_path / "artifact", vectors, make_books(3000), exact_up_to=2999)

    truth = (-(vectors @ vectors.T)).argsort(axis=1)[:, :101]
    rows = range(0, 3000, 30)
    found = np.mean(
        [len({number, *neighbours.neighbors(number)[0].tolist()} & set(truth[number])) / 101 for number in rows]
    )
    assert metadata["index"] == index_factory(3000, 2999)
    assert metadata["recall_at_100"] == pytest.approx(found, abs=0.03)  # other queries than it was measured with
    assert found > 0.95
    assert all(number not in neighbours.neighbors(number)[0] for number in rows)


def test_the_same_vectors_give_the_same_cells(clustered):
    vectors, numbers = clustered
    one, other = (
        faiss.serialize_index(build_index(vectors, numbers, ContentSettings(exact_up_to=100))).tobytes() for _ in "ab"
    )
    assert one == other


def test_the_map_spans_the_plane_in_which_the_books_lie():
    generator = np.random.default_rng(3)
    plane = np.linalg.qr(generator.standard_normal((DIMENSIONS, 2)))[0]
    flat = generator.standard_normal((500, 2)) * (5.0, 1.0)
    vectors = (flat @ plane.T + 0.3).astype(np.float32)

    positions = project(vectors, np.arange(500), 2)

    spread = positions.var(axis=0)
    assert spread[0] > 10 * spread[1]
    assert spread.sum() == pytest.approx(vectors.var(axis=0).sum(), rel=1e-4)
    gap = np.linalg.norm(vectors[0] - vectors[1])
    assert np.linalg.norm(positions[0] - positions[1]) == pytest.approx(gap, rel=1e-4)
    np.testing.assert_allclose(project(vectors[::-1].copy(), np.arange(500), 2)[::-1], positions, atol=1e-4)
