"""A recommendation as JSON bytes, from prepared JSON values of each book."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from services.api.recommend.recommender import Recommended
from services.api.schemas.deprecated import SOURCE_FIELDS


def write_json(recommended: Recommended, user_id: str, *, explain: bool) -> bytes:
    """The answer as JSON bytes (schema: `RecommendationAnswer`); its items are written once."""
    generation = recommended.served.generation
    items = recommended.written.get(explain)
    if items is None:
        items = recommended.written[explain] = _items_json(recommended, explain=explain)
    return orjson.dumps(
        {
            "user_id": user_id,
            "strategy": recommended.strategy,
            "degraded": recommended.degraded,
            "generation": generation.id,
            "simulated_readers": generation.manifest.simulated_readers,
            "items": items,
        }
    )


def _items_json(recommended: Recommended, *, explain: bool) -> orjson.Fragment:
    catalog, books = recommended.served.generation.catalog, recommended.items
    items: list[dict[str, Any]] = []
    for number, score in zip(books.item_index.tolist(), _rounded(books.scores), strict=True):
        book_id, title, authors = catalog.item(number)
        items.append({"book_id": book_id, "title": title, "authors": authors, "score": score})
    if explain:
        for item, own, because in zip(items, _rounded(books.own.T), recommended.because.tolist(), strict=True):
            item["sources"] = dict(zip(SOURCE_FIELDS, own, strict=True))
            item["because"] = None if because < 0 else catalog.explanation(because)
    return orjson.Fragment(orjson.dumps(items))


def _rounded(scores: NDArray[np.float32]) -> list[Any]:
    """Scores to four places. orjson writes NaN, for a list without the book, as null."""
    rounded: list[Any] = np.round(scores.astype(np.float64), 4).tolist()
    return rounded
