"""One recommendation: pin the generation, gather both lists, blend, explain, and write the answer straight to bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from services.api.batching import Batcher
from services.api.live import Live, Served
from services.api.metrics import DEGRADED
from services.api.store import Store, UserState
from shared.blend import NOTHING_BLENDED, Blended, blend
from shared.errors import StoreUnavailableError
from shared.generation import Generation
from shared.neighbours import Candidates

Strategy = Literal["hybrid", "collaborative", "content", "popular"]
_NO_BOOKS = np.empty(0, np.int32)
_NO_REASON = np.int32(-1)


@dataclass(frozen=True, slots=True)
class Recommended:
    """Recommendations for one user, before they are written out.

    Attributes:
        served: the generation they were made from.
        strategy: which lists they came from.
        degraded: whether they were made without Redis.
        items: the books, best first.
        because: int32, (n,), for each the recent book that speaks most for it, -1 where none does.
    """

    served: Served
    strategy: Strategy
    degraded: bool
    items: Blended
    because: NDArray[np.int32]


class Recommender:
    """Recommends from the live generation; requests that arrive together are answered together.

    Args:
        live: the generation being served.
        store: Redis.
    """

    def __init__(self, live: Live, store: Store) -> None:
        self._live = live
        self._store = store
        self._batcher = Batcher(self._recommend_all)

    async def recommend(self, user_id: str, limit: int, *, explain: bool) -> Recommended:
        """Recommend to one user; without Redis, popular books from memory.

        Raises:
            NoGenerationError: nothing has been published yet.
        """
        return await self._batcher.ask((user_id, limit, explain))

    async def _recommend_all(self, questions: Sequence[tuple[str, int, bool]]) -> list[Recommended]:
        served = self._live.pin()
        generation = served.generation
        try:
            states = await self._store.user_states(generation.collaborative_id, [user for user, _, _ in questions])
            contents = [_content_candidates(generation, state) for state in states]
            seen = [
                await self._seen_of(user, state, content, served) if state.seen is None else state.seen
                for (user, _, _), state, content in zip(questions, states, contents, strict=True)
            ]
        except StoreUnavailableError:
            DEGRADED.inc(len(questions))
            return [_popular(served, _NO_BOOKS, limit, degraded=True) for _, limit, _ in questions]

        settings = generation.manifest.blend
        limits = [limit for _, limit, _ in questions]
        blended = blend(
            [state.collaborative for state in states],
            contents,
            collaborative_weight=settings.collaborative_weight,
            content_weight=settings.content_weight,
            seen=seen,
            works=generation.catalog.editions,
            limit=max(limits),
        )
        recommended = []
        for (_, limit, explain), state, content, books, known in zip(
            questions, states, contents, blended, seen, strict=True
        ):
            items = books.first(limit)
            if not len(items.numbers):
                recommended.append(_popular(served, known, limit, degraded=False))
                continue
            if len(items.numbers) < limit:
                items = _top_up(items, served, known, limit)
            because = _because(generation, items, state.recent) if explain else _no_reasons(items)
            strategy = _strategy(state.collaborative, content)
            recommended.append(Recommended(served, strategy, degraded=False, items=items, because=because))
        return recommended

    async def _seen_of(self, user_id: str, state: UserState, content: Candidates, served: Served) -> NDArray[np.int32]:
        """Of a history too long to fetch: what of the candidates is in it."""
        return await self._store.seen_among(
            user_id, np.concatenate((state.collaborative[0], content[0], served.spread))
        )


def _content_candidates(generation: Generation, state: UserState) -> Candidates:
    settings = generation.manifest.blend
    return generation.neighbours.candidates(
        state.recent, limit=settings.content_candidates, decay=settings.recency_decay
    )


def _strategy(collaborative: Candidates, content: Candidates) -> Strategy:
    if not len(content[0]):
        return "collaborative"
    return "hybrid" if len(collaborative[0]) else "content"


def _popular(served: Served, seen: NDArray[np.int32], limit: int, *, degraded: bool) -> Recommended:
    items = _top_up(NOTHING_BLENDED, served, seen, limit)
    return Recommended(served, "popular", degraded=degraded, items=items, because=_no_reasons(items))


def _top_up(items: Blended, served: Served, seen: NDArray[np.int32], limit: int) -> Blended:
    """Fill a list that is too short with popular books, spread over tribes.

    With nothing to go by, a popular book's score falls linearly with its rank; behind blended ones it is 0.
    """
    works = served.generation.catalog.editions
    taken = np.concatenate((seen[seen < len(works)], items.numbers))
    fresh = served.spread[~np.isin(works[served.spread], works[taken])][: limit - len(items.numbers)]
    alone = not len(items.numbers)
    scores = (
        np.linspace(1, 0, len(fresh), endpoint=False, dtype=np.float32) if alone else np.zeros(len(fresh), np.float32)
    )
    absent = np.full(len(fresh), np.nan, np.float32)
    return Blended(
        numbers=np.concatenate((items.numbers, fresh)),
        scores=np.concatenate((items.scores, scores)),
        collaborative=np.concatenate((items.collaborative, absent)),
        content=np.concatenate((items.content, absent)),
    )


def _no_reasons(items: Blended) -> NDArray[np.int32]:
    return np.full(len(items.numbers), _NO_REASON)


def _because(generation: Generation, items: Blended, recent: NDArray[np.int32]) -> NDArray[np.int32]:
    """For each item the recent book most like it: by readers where the nightly list carried it, else by description."""
    reasons = _no_reasons(items)
    by_readers = ~np.isnan(items.collaborative)
    for rows, arrays in (
        (by_readers, generation.item_factors),
        (~by_readers & ~np.isnan(items.content), generation.neighbours.vectors),
    ):
        known = recent[recent < len(arrays)]
        numbers = items.numbers[rows]
        if not len(known) or not len(numbers):
            continue
        likeness = arrays[np.minimum(numbers, len(arrays) - 1)] @ arrays[known].T
        best = likeness.argmax(axis=1)
        reasons[rows] = np.where(likeness[np.arange(len(best)), best] > 0, known[best], _NO_REASON)
    return reasons


def write_json(recommended: Recommended, user_id: str, *, explain: bool) -> bytes:
    """The answer as JSON bytes, put together from ready fragments of each book (schema: `RecommendationAnswer`)."""
    generation = recommended.served.generation
    item_of = generation.catalog.item
    items = recommended.items
    parts = []
    columns = zip(
        items.numbers.tolist(),
        items.scores.tolist(),
        items.collaborative.tolist(),
        items.content.tolist(),
        recommended.because.tolist(),
        strict=True,
    )
    for number, score, collaborative, content, because in columns:
        item = b'{%b,"score":%.4f' % (item_of(number), score)
        if explain:
            item += b',"sources":{"collaborative":%b,"content":%b},"because":%b' % (
                _number(collaborative),
                _number(content),
                b"null" if because < 0 else generation.catalog.reason(because),
            )
        parts.append(item + b"}")
    return b'{"user_id":%b,"strategy":"%b","degraded":%b,"generation":"%b","simulated_readers":%b,"items":[%b]}' % (
        orjson.dumps(user_id),
        recommended.strategy.encode(),
        b"true" if recommended.degraded else b"false",
        generation.id.encode(),
        b"true" if generation.manifest.simulated_readers else b"false",
        b",".join(parts),
    )


def _number(score: float) -> bytes:
    return b"%.4f" % score if score == score else b"null"  # noqa: PLR0124  # NaN: not in that list
