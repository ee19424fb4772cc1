"""The optional reranker: a learned order of the first books of a blended list.

Boosted trees (LightGBM; Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NIPS 2017) predict
how likely a user is to like a book, from its score in each list, its popularity and age, and what the user has of its
author and series. A book without a like keeps its place in the blend. `services.batch.pipeline.train_reranker` trains
them; evaluation and serving rank here.

Files, in the reranker artifact: `model.txt`, as LightGBM writes it, absent if there was too little data;
`metadata.npy`, float32, (n_books, 6), see `BOOK_METADATA`; `groups.npy`, int32, (n_books, 2), the first author and the
series as numbers, -1 for none. The artifact may be older than the catalogue and then lacks its newest books.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.deprecated import existing_file
from shared.errors import ModelError
from shared.recommend.blend import CANDIDATE_SOURCES, Blended

HALF_LIVES = (0.1, 0.02, 0.005)  # shares of all likes after which one counts half
BOOK_METADATA = ("likes", *(f"likes_of_late_{half_life:g}" for half_life in HALF_LIVES), "age", "volume")
FEATURES = (
    *CANDIDATE_SOURCES,
    *BOOK_METADATA,
    "liked_of_author",
    "since_author",
    "liked_of_series",
    "since_series",
    "volumes_further",
    "liked",
)
FILES = ("model.txt", "metadata.npy", "groups.npy")
_NAN = np.float32("nan")


@dataclass(frozen=True, slots=True)
class BookMetadata:
    """What the reranker knows of books apart from any reader.

    Attributes:
        facts: float32, (n_books, 6), columns as in `BOOK_METADATA`; NaN where there is nothing to say.
        groups: int32, (n_books, 2), books of one first author and of one series share a value; -1 for none.
    """

    metadata: NDArray[np.float32]
    groups: NDArray[np.int32]

    @property
    def n_books(self) -> int:
        """Books known here."""
        return len(self.metadata)

    def features(self, books: Blended, recent: NDArray[np.int32]) -> NDArray[np.float32]:
        """What is known of a reader's blended books: float32, (n, n_features), columns as in `FEATURES`.

        Args:
            books: a blended list.
            recent: int32, the reader's recent books, newest first; numbers that are not known here are passed over.
        """
        n_known = len(self.metadata)
        known = books.item_index < n_known
        item_index = np.where(known, books.item_index, 0)
        metadata = np.where(known[:, None], self.metadata[item_index], _NAN)
        groups = np.where(known[:, None], self.groups[item_index], -1)
        recent = recent[(recent >= 0) & (recent < n_known)]
        columns = [*books.own, *metadata.T]
        volumes = self.metadata[recent, BOOK_METADATA.index("volume")]
        for kind in range(self.groups.shape[1]):
            same = (groups[:, kind, None] == self.groups[recent, kind]) & (groups[:, kind, None] >= 0)
            liked = same.sum(axis=1)
            newest = same.argmax(axis=1) if len(recent) else liked
            columns += [liked, np.where(liked > 0, newest, _NAN)]
        furthest = np.where(same & ~np.isnan(volumes), volumes, -np.inf).max(axis=1, initial=-np.inf)
        columns += [metadata[:, BOOK_METADATA.index("volume")] - np.where(np.isneginf(furthest), _NAN, furthest)]
        columns += [np.full(len(item_index), len(recent))]
        return np.stack(columns, axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Reranker:
    """A learned order. Safe to share between threads.

    Attributes:
        books: what it knows of books.
        model: a `lightgbm.Booster`.
        n_ranked: how many books of a blended list are put into order.
        n_recent: how many recent books of a reader it looks at.
    """

    books: BookMetadata
    model: Any
    n_ranked: int
    n_recent: int

    @classmethod
    def open(cls, path: Path, metadata: Mapping[str, str | float | bool | None]) -> Reranker | None:
        """Open a reranker artifact's folder, whose facts these are; `None` where there was too little to learn from.

        Raises:
            ModelError: LightGBM is not installed.
        """
        model, of_books, groups = (existing_file(path, name) for name in FILES)
        if not metadata["learned"]:
            return None
        books = BookMetadata(np.load(of_books), np.load(groups))
        return cls(
            books, lightgbm().Booster(model_file=model), int(metadata["n_ranked"] or 0), int(metadata["n_recent"] or 0)
        )

    def rank(self, lists: Sequence[Blended], recents: Sequence[NDArray[np.int32]]) -> list[Blended]:
        """Put the first `n_ranked` books of the blended lists of several readers into order, best first.

        A score is then how likely the reader is to like the book, in [0, 1]; a book that keeps its place has the score
        of the one behind it. Ties stay in the order of the blend. What comes behind the last of them stays there, with
        the score of the blend or that of the last of them, whichever is lower.

        Args:
            lists: of each reader, best first.
            recents: int32, of each reader the recent books, newest first.
        """
        features = [
            self.books.features(books.first(self.n_ranked), recent[: self.n_recent])
            for books, recent in zip(lists, recents, strict=True)
            if len(books.item_index)
        ]
        if not features:
            return list(lists)
        asked = np.concatenate(features)
        likely = np.asarray(self.model.predict(asked, num_threads=1), np.float32)
        likely[~is_liked(asked)] = _NAN
        ends = np.cumsum([min(len(books.item_index), self.n_ranked) for books in lists])
        artifacts = np.split(likely, ends[:-1])
        return [_in_order(books, of_first) for books, of_first in zip(lists, artifacts, strict=True)]


def lightgbm() -> Any:
    """The library.

    Raises:
        ModelError: it is not installed, or lacks the OpenMP library of the system.
    """
    try:
        import lightgbm as library  # noqa: PLC0415  # needs the extra `reranker`
    except (ImportError, OSError) as error:
        raise ModelError(
            f"The reranker needs LightGBM, which cannot be loaded: {error}.",
            hint="For the night and for the API alike: pip install 'nightshelf[reranker]', and libgomp1 of the system.",
        ) from error
    return library


def is_liked(features: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Of rows of features those of books that somebody has liked: bool, (n,)."""
    liked: NDArray[np.bool_] = features[:, FEATURES.index("likes")] > 0
    return liked


def _in_order(books: Blended, of_first: NDArray[np.float32]) -> Blended:
    """The first books by falling score, the rest behind them; a book whose score is NaN keeps its place."""
    if np.isnan(of_first).all():
        return books
    order, free = np.arange(len(books.item_index)), np.flatnonzero(~np.isnan(of_first))
    order[free] = free[np.argsort(-of_first[free], kind="stable")]
    scores = books.scores.copy()
    scores[: len(of_first)] = of_first[order[: len(of_first)]]
    last = free[-1] + 1  # from here on nothing is known: as in the blend, but not above what stands before
    scores[:last] = np.fmax.accumulate(scores[:last][::-1])[::-1]
    scores[last:] = np.minimum(books.scores[last:], scores[last - 1])
    return Blended(books.item_index[order], scores, books.own[:, order])
