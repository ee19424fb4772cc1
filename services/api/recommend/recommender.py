"""One recommendation: gather the lists of the current generation, blend, explain, and write the answer to bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from services.api.metrics import DEGRADED
from services.api.recommend.batching import Batcher
from services.api.state.generation_manager import GenerationManager, ServingState
from services.api.state.store import Store, UserState
from shared.artifacts.generation import Generation
from shared.cache import Cache
from shared.errors import StoreUnavailableError
from shared.recommend.blend import NOTHING_BLENDED, Blended, blend
from shared.recommend.blend_weights import blend_weights, max_recent_books, with_content_share
from shared.recommend.explanations import NO_EXPLANATION, explain_all
from shared.recommend.neighbor_table import Candidates
from shared.recommend.popularity_backfill import N_SPREAD, popularity_backfill

Strategy = Literal["hybrid", "collaborative", "content", "popular"]
MAX_CACHED_BOOKS = 100_000  # a book in an answer takes about 300 bytes
_NO_BOOKS = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class Recommended:
    """Recommendations for one user, before they are written out.

    Attributes:
        served: the generation they were made from.
        strategy: which lists they came from.
        degraded: whether they were made without Redis.
        items: the books, best first.
        because: int32, (n,), the recent book that adds most to each, -1 for none.
        written: the items as JSON, by whether they are explained; see `write_json`.
    """

    served: ServingState
    strategy: Strategy
    degraded: bool
    items: Blended
    because: NDArray[np.int32]
    written: dict[bool, orjson.Fragment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _CachedAnswer:
    """An answer, and the user state it was made from."""

    state: UserState
    answer: Recommended

    def is_of(self, state: UserState) -> bool:
        """Whether this state is the same. A seen set of the same size is the same array (`Store.user_states`)."""
        before = self.state
        return (
            before.seen is state.seen is not None
            and before.n_new == state.n_new
            and len(before.collaborative[0]) == len(state.collaborative[0])
            and before.recent.tobytes() == state.recent.tobytes()
        )


class Recommender:
    """Recommends from the served generation. Concurrent requests are answered together.

    Args:
        live: the generation being served.
        store: Redis.
    """

    def __init__(self, live: GenerationManager, store: Store) -> None:
        self._live = live
        self._store = store
        self._batcher = Batcher(self._recommend_all)
        self._cache: Cache[tuple[str, int, bool, float | None], _CachedAnswer] = Cache(
            "answers", MAX_CACHED_BOOKS, size_of=lambda entry: 1 + len(entry.answer.items.item_index)
        )
        self._cached_generation: str | None = None

    async def recommend(
        self, user_id: str, limit: int, *, explain: bool, content_share: float | None = None
    ) -> Recommended:
        """Recommend to one user; without Redis, popular books from memory.

        `content_share` is the share of the content list in the blend, in [0, 1]; the other lists keep their
        proportions. `None` uses the generation's share.

        Raises:
            NoGenerationError: nothing has been published yet.
        """
        return await self._batcher.ask((user_id, limit, explain, content_share))

    async def _recommend_all(self, questions: Sequence[tuple[str, int, bool, float | None]]) -> list[Recommended]:
        """Answer a batch. Questions with equal weights are answered together."""
        groups: dict[float | None, list[int]] = {}
        for place, (*_, content_share) in enumerate(questions):
            groups.setdefault(content_share, []).append(place)
        answers: dict[int, Recommended] = {}
        for content_share, places in groups.items():
            group = await self._recommend_group([questions[place][:3] for place in places], content_share)
            answers.update(zip(places, group, strict=True))
        return [answers[place] for place in range(len(questions))]

    async def _recommend_group(
        self, questions: Sequence[tuple[str, int, bool]], content_share: float | None
    ) -> list[Recommended]:
        served = self._live.current()
        generation = served.generation
        if self._cached_generation != generation.id:
            self._cache.clear()
            self._cached_generation = generation.id
        try:
            states = await self._store.user_states(
                generation.collaborative_id,
                [user for user, _, _ in questions],
                n_recent=max(max_recent_books(generation.manifest.blend), generation.fold_in.history_books),
                known_until=generation.fold_in.newest_time,
            )
            asked = [(*question, content_share) for question in questions]
            known = [self._cache.get(question) for question in asked]
            answers = [
                one.answer if one is not None and one.is_of(state) else None
                for one, state in zip(known, states, strict=True)
            ]
            rest = [row for row, answer in enumerate(answers) if answer is None]
            made = await self._made(
                served, [questions[row] for row in rest], [states[row] for row in rest], content_share
            )
        except StoreUnavailableError:
            DEGRADED.inc(len(questions))
            return [_popular(served, _NO_BOOKS, limit, degraded=True) for _, limit, _ in questions]
        for row, answer in zip(rest, made, strict=True):
            answers[row] = answer
            if self._cached_generation == generation.id:
                self._cache.put(asked[row], _CachedAnswer(states[row], answer))
        return [answer for answer in answers if answer is not None]

    async def _made(
        self,
        served: ServingState,
        questions: Sequence[tuple[str, int, bool]],
        states: Sequence[UserState],
        content_share: float | None,
    ) -> list[Recommended]:
        """Answers computed from these user states.

        Raises:
            StoreUnavailableError: Redis is unavailable.
        """
        if not questions:
            return []
        generation = served.generation
        settings = with_content_share(generation.manifest.blend, content_share)
        n_recent = max_recent_books(settings)
        reranker = generation.reranker if content_share is None else None  # custom weights keep the order of the blend
        lists = _lists(generation, states)
        seen = [
            await self._seen_of(user, lists, row, served) if state.seen is None else state.seen
            for row, ((user, _, _), state) in enumerate(zip(questions, states, strict=True))
        ]
        blended = blend(
            lists,
            weights=[blend_weights(settings, min(len(state.recent), n_recent)) for state in states],
            seen=seen,
            work_id=generation.catalog.work_id,
            limit=max(*(limit for _, limit, _ in questions), 0 if reranker is None else reranker.n_ranked),
        )
        if reranker is not None:
            blended = reranker.rank(blended, [state.recent for state in states])
        items = [books.first(limit) for books, (_, limit, _) in zip(blended, questions, strict=True)]
        explained = [
            (books, state.recent if explain else _NO_BOOKS)
            for books, state, (_, _, explain) in zip(items, states, questions, strict=True)
        ]
        explanations = explain_all(generation.fold_in, generation.candidate_generator, explained)
        answers = [
            Recommended(served, strategy, degraded=False, items=books, because=because)
            for strategy, books, because in zip(_strategies(lists), items, explanations, strict=True)
        ]
        return [
            answer
            if len(answer.items.item_index) == limit
            else _filled(answer, served.spread, known, limit)
            if state.seen is not None
            else await self._filled_step_by_step(answer, user, known, limit)
            for answer, (user, limit, _), state, known in zip(answers, questions, states, seen, strict=True)
        ]

    async def _filled_step_by_step(
        self, answer: Recommended, user_id: str, seen: NDArray[np.int32], limit: int
    ) -> Recommended:
        """Fill a short list of a user whose history exceeds LONGEST_SEEN: some popular books at a time are looked up.

        `seen` covers the first `N_SPREAD` popular books.
        """
        spread, work_id = answer.served.spread, answer.served.generation.catalog.work_id
        for start in range(0, len(spread), N_SPREAD):
            some = spread[start : start + N_SPREAD]
            if start:
                same_works = np.isin(work_id, work_id[some]).nonzero()[0].astype(np.int32)
                seen = await self._store.seen_among(user_id, same_works)
            answer = _filled(answer, some, seen, limit)
            if len(answer.items.item_index) == limit:
                break
        return answer

    async def _seen_of(
        self, user_id: str, lists: Sequence[Sequence[Candidates]], row: int, served: ServingState
    ) -> NDArray[np.int32]:
        """Seen candidates of a user whose history exceeds LONGEST_SEEN, with all their editions."""
        work_id = served.generation.catalog.work_id
        candidates = np.concatenate([*(kind[row][0] for kind in lists), served.spread[:N_SPREAD]])
        same_works = np.isin(work_id, work_id[candidates]).nonzero()[0].astype(np.int32)
        return await self._store.seen_among(user_id, same_works)


def _lists(generation: Generation, states: Sequence[UserState]) -> tuple[Sequence[Candidates], ...]:
    """The candidate lists of each user, in the order of `shared.recommend.blend.CANDIDATE_SOURCES`."""
    collaborative = [state.collaborative for state in states]
    live = [row for row, state in enumerate(states) if _is_outweighed(generation, state)]
    if live:
        folded = generation.fold_in.candidates(
            [states[row].recent for row in live],
            [_known_seen(states[row]) for row in live],
            generation.catalog.active,
        )
        for row, candidates in zip(live, folded, strict=True):
            collaborative[row] = candidates if len(candidates[0]) else collaborative[row]
    return generation.candidate_generator.lists(collaborative, [state.recent for state in states])


def _is_outweighed(generation: Generation, state: UserState) -> bool:
    """Whether to replace the nightly list: it is missing, or the books liked since then have too much weight."""
    if not len(state.recent):
        return False
    if not len(state.collaborative[0]):
        return True
    if not state.n_new:
        return False
    share = generation.fold_in.share_of_new(state.n_new, len(state.recent))
    return share >= generation.manifest.blend.fold_in_share


def _known_seen(state: UserState) -> NDArray[np.int32]:
    """Seen books; only the recent ones of a history that exceeds LONGEST_SEEN."""
    return state.recent if state.seen is None else state.seen


def _strategies(lists: Sequence[Sequence[Candidates]]) -> list[Strategy]:
    """`collaborative` if a list comes from readers, `content` if one comes from the books, `hybrid` for both."""
    collaborative, content, item_transitions, same_series_author, _ = lists
    return [
        ("hybrid" if len(described[0]) or len(related[0]) else "collaborative")
        if len(nightly[0]) or len(read[0])
        else "content"
        for nightly, described, read, related in zip(
            collaborative, content, item_transitions, same_series_author, strict=True
        )
    ]


def _filled(answer: Recommended, spread: NDArray[np.int32], seen: NDArray[np.int32], limit: int) -> Recommended:
    """Fill a short list with popular books; an empty one becomes popular."""
    work_id = answer.served.generation.catalog.work_id
    filled = popularity_backfill(answer.items, spread, work_id, seen, limit)
    because = np.full(len(filled.item_index), NO_EXPLANATION)
    because[: len(answer.because)] = answer.because
    strategy = answer.strategy if len(answer.items.item_index) else "popular"
    return replace(answer, strategy=strategy, items=filled, because=because, written={})


def _popular(served: ServingState, seen: NDArray[np.int32], limit: int, *, degraded: bool) -> Recommended:
    items = popularity_backfill(NOTHING_BLENDED, served.spread, served.generation.catalog.work_id, seen, limit)
    because = np.full(len(items.item_index), NO_EXPLANATION)
    return Recommended(served, "popular", degraded=degraded, items=items, because=because)
