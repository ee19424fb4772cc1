import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.errors import ArtifactError
from shared.recommend.codec import MAX_LENGTH, pack, unpack

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


def test_a_list_too_long_or_lopsided_is_refused():
    with pytest.raises(ArtifactError, match=str(MAX_LENGTH)):
        pack(np.zeros(MAX_LENGTH + 1, np.int32), np.zeros(MAX_LENGTH + 1, np.float32))
    with pytest.raises(ArtifactError):
        pack(np.zeros(2, np.int32), np.zeros(1, np.float32))
