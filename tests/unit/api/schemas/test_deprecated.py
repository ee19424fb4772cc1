"""Outward names that stay although the code has other words."""

from __future__ import annotations

from services.api.schemas.deprecated import SOURCE_FIELDS
from services.api.schemas.recommendations import RecommendedBook
from shared.recommend.blend import CANDIDATE_SOURCES

OUTWARD = {
    "collaborative": "collaborative",
    "content": "content",
    "item_transitions": "companions",
    "same_series_author": "kin",
    "trending": "trend",
}


def test_the_fields_of_an_answer_are_the_documented_ones_in_the_order_of_the_blend():
    assert dict(zip(CANDIDATE_SOURCES, SOURCE_FIELDS, strict=True)) == OUTWARD
    schema = RecommendedBook.model_json_schema()["$defs"]["Sources"]
    assert tuple(schema["properties"]) == SOURCE_FIELDS
