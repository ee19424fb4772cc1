"""The cost of a user unknown to the night: fold-in, and the reranker after the blend.

    python benchmarks/live_parts.py

10,000 books, rank 128, histories of 60 books, 100 books to rank, all random; one thread. Fold-in is compared with the
bare product of factors and a full sort, the reranker with the blend before it.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from shared.recommend.blend import CANDIDATE_SOURCES, blend
from shared.recommend.blend_weights import blend_weights
from shared.recommend.fold_in import FoldIn
from shared.recommend.reranker import BOOK_METADATA, FEATURES, BookMetadata, Reranker, lightgbm
from shared.settings import BlendSettings, RerankerSettings

N_BOOKS, RANK, N_HISTORY, N_LISTED = 10_000, 128, 60, 100
ROUNDS = 500


def main() -> None:
    """Measure and print."""
    chance = np.random.default_rng(7)
    fold_in, bare = folding(chance)
    print(f"fold-in: {fold_in:.3f} ms; bare product and sort: {bare:.3f} ms; {bare / fold_in:.2f} x as fast as that")
    reranker, blended = ranking(chance)
    print(f"reranker: {reranker:.3f} ms; the blend before it: {blended:.3f} ms; {reranker / blended:.2f} x the blend")


def folding(chance: np.random.Generator) -> tuple[float, float]:
    """Milliseconds of a fold-in, and of a product and a sort."""
    items = chance.standard_normal((N_BOOKS, RANK), np.float32)
    known = FoldIn(items, items * 0.1, np.ones(N_BOOKS, np.bool_), N_LISTED, N_HISTORY, 0.82, None)
    active = np.ones(N_BOOKS, np.bool_)
    histories = [chance.permutation(N_BOOKS)[:N_HISTORY].astype(np.int32) for _ in range(ROUNDS)]
    factors = chance.standard_normal((ROUNDS, RANK), np.float32)
    return (
        median_ms(lambda n: known.candidates([histories[n]], [histories[n]], active)),
        median_ms(lambda n: np.argsort(-(factors[n] @ items.T), kind="stable")[:N_LISTED]),
    )


def ranking(chance: np.random.Generator) -> tuple[float, float]:
    """Milliseconds of ranking one blended list, and of blending it."""
    chosen = RerankerSettings()
    features = chance.random((50_000, len(FEATURES)), np.float32)
    liked = features[:, 2] * features[:, 5] + 0.1 * chance.random(50_000) > 0.7
    parameters = {"objective": "binary", "num_leaves": chosen.leaves, "verbose": -1, "num_threads": 1, "seed": 7}
    library = lightgbm()
    model = library.train(parameters, library.Dataset(features, liked.astype(np.float32)), chosen.trees)
    metadata = chance.random((N_BOOKS, len(BOOK_METADATA)), np.float32)
    groups = chance.integers(-1, 2000, (N_BOOKS, 2)).astype(np.int32)
    reranker = Reranker(BookMetadata(metadata, groups), model, chosen.books, N_HISTORY)
    recents = [chance.permutation(N_BOOKS)[:N_HISTORY].astype(np.int32) for _ in range(ROUNDS)]
    lists = [
        [
            (chance.permutation(N_BOOKS)[:N_LISTED].astype(np.int32), chance.random(N_LISTED, np.float32))
            for _ in CANDIDATE_SOURCES
        ]
        for _ in range(ROUNDS)
    ]
    work_id, weights = np.arange(N_BOOKS, dtype=np.int32), blend_weights(BlendSettings(), N_HISTORY)

    def blended(n: int) -> list[object]:
        kinds = [[one] for one in lists[n]]
        return list(blend(kinds, weights=weights, seen=[recents[n]], work_id=work_id, limit=chosen.books))

    ready = [blended(n) for n in range(ROUNDS)]
    return median_ms(lambda n: reranker.rank(ready[n], [recents[n]])), median_ms(blended)  # type: ignore[arg-type]


def median_ms(call: Callable[[int], object]) -> float:
    """The median over the rounds in milliseconds, without the first twenty."""
    took = []
    for n in range(ROUNDS):
        started = time.perf_counter()
        call(n)
        took.append(time.perf_counter() - started)
    return 1000 * statistics.median(took[20:])


if __name__ == "__main__":
    main()
