"""The optional reranker: a learned order of the first books of a blended list.

Boosted trees (LightGBM; Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NIPS 2017) predict
how likely a user is to like a book. Features: its score in each list, its popularity and age, and the user's books of
its author and series. A book without positive interactions keeps its place in the blend.
`services.batch.pipeline.train_reranker` trains the trees.

Files, in the reranker artifact: `model.txt`, as LightGBM writes it, absent after too little data;
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
from shared.errors import ModelError, install_hint
from shared.recommend.blend import CANDIDATE_SOURCES, Blended

HALF_LIVES = (0.1, 0.02, 0.005)  # half-lives of a positive interaction, as shares of all of them
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
    """Features of books that do not depend on the user.

    Attributes:
        metadata: float32, (n_books, 6), columns as in `BOOK_METADATA`; NaN if unknown.
        groups: int32, (n_books, 2), first author and series; equal values mean the same one; -1 for none.
    """

    metadata: NDArray[np.float32]
    groups: NDArray[np.int32]

    @property
    def n_books(self) -> int:
        """Number of books."""
        return len(self.metadata)

    def features(self, books: Blended, recent: NDArray[np.int32]) -> NDArray[np.float32]:
        """Features of a user's blended books: float32, (n, n_features), columns as in `FEATURES`.

        Args:
            books: a blended list.
            recent: int32, the user's recent books, newest first; unknown item indexes are ignored.
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
    """A trained reranker. Safe to share between threads.

    Attributes:
        books: the book metadata.
        model: a `lightgbm.Booster`.
        n_ranked: how many books of a blended list it ranks.
        n_recent: how many recent books of a user it uses.
    """

    books: BookMetadata
    model: Any
    n_ranked: int
    n_recent: int

    @classmethod
    def open(cls, path: Path, metadata: Mapping[str, str | float | bool | None]) -> Reranker | None:
        """Open a reranker artifact's folder; `None` if there was too little data to train on.

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
        """Rank the first `n_ranked` books of several blended lists, best first.

        The new score is the probability that the user likes the book, in [0, 1]. A book that keeps its place gets the
        score of the next book. Ties keep the order of the blend. Books after the last ranked one keep their place;
        their score is that of the blend, at most the last ranked score.

        Args:
            lists: one per user, best first.
            recents: int32, each user's recent books, newest first.
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
    """The LightGBM library.

    Raises:
        ModelError: it is not installed, or the system lacks OpenMP.
    """
    try:
        import lightgbm as library  # noqa: PLC0415  # needs the extra `reranker`
    except (ImportError, OSError) as error:
        raise ModelError(
            f"The reranker needs LightGBM, which cannot be loaded: {error}.",
            hint=f"{install_hint('reranker')}, for the night and for the API, and the system package libgomp1.",
        ) from error
    return library


def is_liked(features: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which rows belong to books with positive interactions: bool, (n,)."""
    liked: NDArray[np.bool_] = features[:, FEATURES.index("likes")] > 0
    return liked


def _in_order(books: Blended, of_first: NDArray[np.float32]) -> Blended:
    """The first books by descending score, then the rest. A book with a NaN score keeps its place."""
    if np.isnan(of_first).all():
        return books
    order, free = np.arange(len(books.item_index)), np.flatnonzero(~np.isnan(of_first))
    order[free] = free[np.argsort(-of_first[free], kind="stable")]
    scores = books.scores.copy()
    scores[: len(of_first)] = of_first[order[: len(of_first)]]
    last = free[-1] + 1  # unranked from here on: the blend's score, at most the last ranked one
    scores[:last] = np.fmax.accumulate(scores[:last][::-1])[::-1]
    scores[last:] = np.minimum(books.scores[last:], scores[last - 1])
    return Blended(books.item_index[order], scores, books.own[:, order])
