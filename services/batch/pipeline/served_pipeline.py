"""The served pipeline for many users at once, without Redis, so evaluations measure what is served.

As for a request, collaborative lists come from the factors (`services.batch.models.top_n`), the other lists from
`shared.recommend.candidates`. `shared.recommend.blend` sums them, `shared.recommend.reranker` reorders the first books
if it is on, and `shared.recommend.popularity_backfill` fills short lists. Fold-in lists equal nightly lists
(`shared.recommend.fold_in`), so they need no separate evaluation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from services.batch.ingest.training_data import Training
from services.batch.models.factor_model import Factors
from services.batch.models.item_transitions import item_transitions_of, without_withdrawn
from services.batch.models.popularity import rank_by_popularity
from services.batch.models.top_n import top_n
from services.batch.models.trending import trending_books
from services.batch.pipeline.blend_of_order import blend_of_order
from services.batch.runtime.progress import Progress
from shared.artifacts.content import ContentNeighbors
from shared.recommend.blend import CANDIDATE_SOURCES, Blended, blend
from shared.recommend.blend_weights import blend_weights, max_recent_books
from shared.recommend.candidates import CandidateGenerator
from shared.recommend.neighbor_table import NO_CANDIDATES, Candidates, NeighborTable
from shared.recommend.popularity_backfill import popular_spread, popularity_backfill
from shared.recommend.reranker import Reranker
from shared.recommend.same_series_author import same_series_author_rows
from shared.settings import Settings

_USERS_AT_ONCE = 256


class ServedPipeline:
    """Recommends with factors of the training part and candidates from recent books.

    Args:
        training: the training part.
        factors: factors with the rows of `training`; `None` for no nightly lists.
        maker: generator of the other lists, see `candidate_generator`.
        spread: int32, item indexes that fill short lists, see `popular_books`; `None` leaves lists short.
        list_length: books in a nightly list.
        threads: number of threads.
        reranker: reorders the first books; `None` keeps the order of the blend.
    """

    def __init__(
        self,
        training: Training,
        factors: Factors | None,
        maker: CandidateGenerator,
        spread: NDArray[np.int32] | None,
        *,
        list_length: int,
        threads: int,
        reranker: Reranker | None = None,
    ) -> None:
        self._training = training
        self._factors = factors
        self._maker = maker
        self._spread = spread
        self._list_length = list_length
        self._threads = threads
        self._reranker = reranker

    def rank(self, rows: NDArray[np.int64], k: int) -> NDArray[np.int32]:
        """The best `k` unseen books of these users of the training part, (n, k), best first, padded with -1."""
        ranked = np.full((len(rows), k), -1, np.int32)
        for place, books in enumerate(self.answers(rows, k)):
            ranked[place, : len(books.item_index)] = books.item_index
        return ranked

    def answers(self, rows: NDArray[np.int64], k: int) -> Iterator[Blended]:
        """The same, one user at a time, with scores and the contribution of each list."""
        for first in range(0, len(rows), _USERS_AT_ONCE):
            some = rows[first : first + _USERS_AT_ONCE]
            seen = [self._training.seen_of(row) for row in some.tolist()]
            recents = self._recents(some)
            blended = blend(
                self._maker.lists(self._nightly_lists(some), recents),
                weights=[blend_weights(self._maker.settings, len(recent)) for recent in recents],
                seen=seen,
                work_id=self._training.work_id,
                limit=k if self._reranker is None else max(k, self._reranker.n_ranked),
            )
            if self._reranker is not None:
                blended = [books.first(k) for books in self._reranker.rank(blended, recents)]
            for books, own in zip(blended, seen, strict=True):
                yield self._filled(books, own, k)

    def _filled(self, books: Blended, seen: NDArray[np.int32], k: int) -> Blended:
        if self._spread is None or len(books.item_index) == k:
            return books
        return popularity_backfill(books, self._spread, self._training.work_id, seen, k)

    def _nightly_lists(self, rows: NDArray[np.int64]) -> list[Candidates]:
        if self._factors is None:
            return [NO_CANDIDATES] * len(rows)
        user_factors, item_factors = self._factors.user_factors[rows], self._factors.item_factors
        blocks = top_n(
            user_factors,
            item_factors,
            self._training.seen[rows],
            n=self._list_length,
            allowed=self._training.active & item_factors.any(axis=1),
            threads=self._threads,
        )
        lists = [(block.item_index, block.scores) for block in blocks]
        item_index, scores = (np.concatenate(columns) for columns in zip(*lists, strict=True))
        n_listed = np.where(user_factors.any(axis=1), (item_index >= 0).sum(axis=1), 0).tolist()
        return [(item_index[place, :n], scores[place, :n]) for place, n in enumerate(n_listed)]

    def _recents(self, rows: NDArray[np.int64]) -> list[NDArray[np.int32]]:
        n = min(max_recent_books(self._maker.settings), self._training.user_state.max_recent)
        return [self._training.recent_of(row, n) for row in rows.tolist()]


def candidate_generator(
    training: Training,
    content: ContentNeighbors | None,
    settings: Settings,
    *,
    only: Collection[str] = CANDIDATE_SOURCES,
    progress: Progress,
) -> CandidateGenerator:
    """The candidate generator that a night on the training part gives.

    Args:
        training: the training part.
        content: the content artifact, opened with the training part's `work_id`; `None` for no content list.
        settings: of item transitions and candidate lists.
        only: the candidate sources to use.
        progress: reports progress.
    """
    item_transitions = same_series_author = None
    trending = NO_CANDIDATES
    if "item_transitions" in only:
        found = item_transitions_of(training.histories, settings.item_transitions, progress=progress)
        item_transitions = NeighborTable(without_withdrawn(training.active, 0, *found), name="item_transitions")
    if "same_series_author" in only and "series" in training.books:
        books = training.books
        series, positions, authors = (books[name].tolist() for name in ("series", "series_position", "authors"))
        rows = same_series_author_rows(series, positions, authors, training.active)
        same_series_author = NeighborTable(rows, name="same_series_author")
    if "trending" in only:
        item_index, scores = trending_books(training.histories, settings.item_transitions.trending_half_life)
        trending = item_index[training.active[item_index]], scores[training.active[item_index]]
    return CandidateGenerator(
        content if "content" in only else None,
        item_transitions,
        same_series_author,
        trending,
        blend_of_order(settings.blend, training.interactions.order),
    )


def popular_books(training: Training, cluster_of: NDArray[np.int32]) -> NDArray[np.int32]:
    """int32: the popular books of the training part, spread over clusters as in the API.

    Published averages of a source break ties between equally liked books, as in the API.

    Args:
        training: the training part.
        cluster_of: int32, (n_books,), of the content artifact.
    """
    ranked = rank_by_popularity(training.books, training.interactions, training.user_state).item_index
    return popular_spread(ranked, training.work_id, cluster_of)
