import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.errors import ArtifactError
from shared.recommend.codec import pack, unpack

lists = st.integers(0, 300).flatmap(
    lambda n: st.tuples(
        arrays(np.int32, n), arrays(np.float32, n, elements=st.floats(width=32, allow_nan=True, allow_infinity=True))
    )
)


@given(lists)
def test_what_is_packed_is_unpacked(books):
    numbers, scores = books
    packed = pack(numbers, scores)
    assert len(packed) == 4 + 8 * len(numbers)
    unpacked_numbers, unpacked_scores = unpack(packed)
    np.testing.assert_array_equal(unpacked_numbers, numbers)
    np.testing.assert_array_equal(unpacked_scores, scores)


@given(lists, st.data())
def test_bytes_that_are_not_a_whole_list_are_refused(books, data):
    packed = pack(*books)
    cut = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(ArtifactError):
        unpack(packed[:cut])
    with pytest.raises(ArtifactError):
        unpack(packed + b"\0")


def test_another_version_is_refused_by_name():
    packed = bytearray(pack(np.zeros(1, np.int32), np.zeros(1, np.float32)))
    packed[0] = 9
    with pytest.raises(ArtifactError, match="version 9"):
        unpack(bytes(packed))


def test_the_layout_is_the_documented_one():
    """Another version must find what this one wrote, byte by byte."""
    packed = pack(np.array([7, 258], np.int32), np.array([1, 0.5], np.float32))
    assert packed == bytes.fromhex("01 00 0200 07000000 02010000 0000803f 0000003f")


def test_the_longest_list_is_packed_and_a_longer_one_refused():
    n = 65_535
    numbers, _ = unpack(pack(np.arange(n, dtype=np.int32), np.zeros(n, np.float32)))
    assert numbers.tolist() == list(range(n))
    with pytest.raises(ArtifactError, match="65536 books is too long to pack; the limit is 65535"):
        pack(np.zeros(n + 1, np.int32), np.zeros(n + 1, np.float32))


@pytest.mark.parametrize(("numbers", "scores"), [((2,), (1,)), ((2, 1), (2, 1)), ((), ())])
def test_what_is_no_list_with_a_score_for_each_book_is_refused(numbers, scores):
    with pytest.raises(ArtifactError, match="have scores of shape"):
        pack(np.zeros(numbers, np.int32), np.zeros(scores, np.float32))


def test_bytes_cut_short_say_how_many_there_should_be():
    packed = pack(np.zeros(3, np.int32), np.zeros(3, np.float32))
    with pytest.raises(ArtifactError, match="3 books has 27 bytes instead of 28"):
        unpack(packed[:-1])
    with pytest.raises(ArtifactError, match="3 bytes has no header"):
        unpack(packed[:3])
