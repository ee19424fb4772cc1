"""The vector store: what was stored is found again, and a crash costs only the segment being written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.content.vectors import DIGEST, VectorStore, digest_of
from shared.errors import ArtifactError

DIMENSIONS = 3


def hashes_of(*texts):
    return np.array([digest_of(text) for text in texts], DIGEST)


def vectors_of(*texts):
    """A vector that depends on its text alone, so that a mixed-up row shows."""
    return np.array([[len(text), sum(text.encode()), 1] for text in texts], np.float32).reshape(-1, DIMENSIONS)


def stored(folder, *segments):
    store = VectorStore(folder, DIMENSIONS)
    for texts in segments:
        store.append(hashes_of(*texts), vectors_of(*texts))
    return store


@given(segments=st.lists(st.lists(st.text(max_size=5), unique=True, max_size=6), max_size=5), data=st.data())
def test_every_stored_text_is_found_and_no_other(tmp_path_factory, segments, data):
    folder = tmp_path_factory.mktemp("store")
    stored(folder, *segments)
    known = {text for segment in segments for text in segment}
    asked = data.draw(st.lists(st.sampled_from([*sorted(known), "never stored"]) | st.text(max_size=5), max_size=12))

    store = VectorStore(folder, DIMENSIONS)
    rows = store.find(hashes_of(*asked))

    assert [row >= 0 for row in rows] == [text in known for text in asked]
    found = [text for text in asked if text in known]
    np.testing.assert_array_equal(store.read(rows[rows >= 0]), vectors_of(*found))


def test_digests_that_end_in_zero_bytes_are_told_apart(tmp_path):
    hashes = np.array([b"a" * 31 + b"\0", b"a" * 32, b"a" * 30 + b"\0\0", b"\0" * 32], DIGEST)
    store = VectorStore(tmp_path, DIMENSIONS)
    store.append(hashes, np.eye(4, DIMENSIONS, dtype=np.float32))

    assert store.find(hashes).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("damage", ["hashes missing", "vectors missing", "hashes cut", "vectors cut", "left over"])
def test_a_half_written_segment_is_passed_over_and_may_be_written_again(tmp_path, damage):
    stored(tmp_path, ["whole"], ["half", "written"])
    by_size = sorted(tmp_path.glob("*.hashes.npy"), key=lambda path: path.stat().st_size)
    hashes = by_size[-1]
    vectors = hashes.with_name(hashes.name.replace("hashes", "vectors"))
    match damage.split():
        case ["left", "over"]:
            vectors.rename(f"{vectors}.tmp")
        case [which, "missing"]:
            {"hashes": hashes, "vectors": vectors}[which].unlink()
        case [which, "cut"]:
            path = {"hashes": hashes, "vectors": vectors}[which]
            path.write_bytes(path.read_bytes()[:-5])

    store = VectorStore(tmp_path, DIMENSIONS)
    assert (store.find(hashes_of("whole", "half", "written")) >= 0).tolist() == [True, False, False]

    store.append(hashes_of("half", "written"), vectors_of("half", "written"))
    again = VectorStore(tmp_path, DIMENSIONS)
    rows = again.find(hashes_of("written", "whole", "half"))
    np.testing.assert_array_equal(again.read(rows), vectors_of("written", "whole", "half"))


def test_vectors_of_another_length_are_not_used(tmp_path):
    stored(tmp_path, ["text"])

    assert VectorStore(tmp_path, DIMENSIONS + 1).find(hashes_of("text")).tolist() == [-1]


def test_refuses_what_must_not_be_kept(tmp_path):
    store = VectorStore(tmp_path, DIMENSIONS)
    with pytest.raises(ArtifactError, match="NaN"):
        store.append(hashes_of("text"), np.full((1, DIMENSIONS), np.nan, np.float32))
    with pytest.raises(ArtifactError, match="shape"):
        store.append(hashes_of("text"), np.ones((2, DIMENSIONS), np.float32))

    assert len(VectorStore(tmp_path, DIMENSIONS)) == 0
