"""An answer as bytes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import orjson
import pytest

from services.api.recommend.answer_json import write_json
from services.api.recommend.recommender import Recommended
from services.api.schemas.deprecated import SOURCE_FIELDS
from services.api.schemas.recommendations import RecommendationAnswer
from shared.artifacts.catalog import Catalog
from shared.recommend.blend import Blended

NAN = np.float32("nan")


@pytest.fixture
def recommended():
    catalog = Catalog(
        ids=["a", 'b"'],
        titles=["Ünder", "Back\\slash"],
        authors=[["X", "Y"], []],
        work_id=np.arange(2, dtype=np.int32),
        active=np.ones(2, bool),
        _item_index={},
        _records=np.empty(0, np.uint8),
        _record_offsets=np.zeros(3, np.int64),
    )
    manifest = SimpleNamespace(simulated_readers=True)
    served = SimpleNamespace(generation=SimpleNamespace(id="g", catalog=catalog, manifest=manifest))
    own = np.array([[0.123456, NAN], [1, NAN], [NAN, NAN], [0, NAN], [0.5, NAN]], np.float32)
    items = Blended(np.array([1, 0], np.int32), np.array([0.98766, 0], np.float32), own)
    return Recommended(served, "hybrid", degraded=False, items=items, because=np.array([0, -1], np.int32))


def test_an_explained_answer_fits_its_schema(recommended):
    answer = orjson.loads(write_json(recommended, "ü", explain=True))
    assert RecommendationAnswer.model_validate(answer, strict=True).user_id == "ü"
    assert answer["items"][0] == {
        "book_id": 'b"',
        "title": "Back\\slash",
        "authors": [],
        "score": 0.9877,
        "sources": dict(zip(SOURCE_FIELDS, (0.1235, 1.0, None, 0.0, 0.5), strict=True)),
        "because": {"book_id": "a", "title": "Ünder"},
    }
    assert answer["items"][1]["because"] is None
    assert set(answer["items"][1]["sources"].values()) == {None}


def test_without_explanation_the_rest_is_the_same(recommended):
    explained, bare = (orjson.loads(write_json(recommended, "u", explain=explain)) for explain in (True, False))
    for item in explained["items"]:
        del item["sources"], item["because"]
    assert bare == explained


def test_the_items_are_written_once(recommended):
    first = write_json(recommended, "u", explain=True)
    recommended.items.scores[:] = 0
    assert write_json(recommended, "u", explain=True) == first
    assert orjson.loads(write_json(recommended, "v", explain=True))["user_id"] == "v"
