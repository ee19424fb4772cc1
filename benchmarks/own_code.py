"""Compares our SVD and packed blend with other implementations. Their docstrings quote these figures.

    python benchmarks/own_code.py [--users 50000] [--books 10000] [--rank 128] [--repetitions 3]

`services.batch.models.svd.right_singular_vectors` runs in turn with `sklearn.utils.extmath.randomized_svd` (as many
columns and iterations) and `scipy.sparse.linalg.svds` (exact), in one process on the same matrix. It prints medians of
processor time, and the share of the matrix that the vectors capture. `shared.recommend.blend.blend` runs in turn with
a plain loop over users; both must return the same books.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from services.batch.models.svd import ITERATIONS, OVERSAMPLING, right_singular_vectors
from services.batch.runtime.progress import SILENT
from shared.recommend.blend import blend
from shared.recommend.neighbor_table import Candidates


def made_up_positive_interactions(n_users: int, n_books: int) -> csr_matrix:
    """Long-tailed popularity over 40 tastes, about 50 books per user, scaled like the nightly model."""
    chance = np.random.default_rng(7)
    tastes = chance.integers(0, 40, n_users)
    popularity = 1 / (np.arange(n_books) + 20.0)
    rows, columns = [], []
    for taste in range(40):
        users = np.flatnonzero(tastes == taste)
        likely = popularity * np.where(chance.random(n_books) < 0.05, 20, 1)
        rows.append(np.repeat(users, 50))
        columns.append(chance.choice(n_books, 50 * len(users), p=likely / likely.sum()))
    pairs = np.unique(np.concatenate(rows) * n_books + np.concatenate(columns))
    matrix = csr_matrix((np.ones(len(pairs), np.float32), np.divmod(pairs, n_books)), shape=(n_users, n_books))
    of_users, of_books = (np.maximum(np.bincount(axis), 1) for axis in matrix.nonzero())
    of_books = np.pad(of_books, (0, n_books - len(of_books)), constant_values=1)
    scaled = matrix.multiply(of_users[:, None] ** -0.3).multiply(of_books[None, :] ** -0.3)
    return csr_matrix(scaled, dtype=np.float32)


def measured(runs: dict[str, Callable[[], object]], repetitions: int) -> dict[str, float]:
    """Median processor seconds of each, run in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repetitions):
        for name, run in runs.items():
            started = time.process_time()
            run()
            seconds[name].append(time.process_time() - started)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def tell(title: str, medians: dict[str, float]) -> None:
    """Each time as a multiple of our own, which comes first."""
    own = next(iter(medians.values()))
    print(title)
    for name, seconds in medians.items():
        print(f"  {name:44} {seconds:8.2f} s of processor  {seconds / own:6.2f} times own")


def compare_svd(matrix: csr_matrix, rank: int, repetitions: int) -> None:
    """Time, and the share of the squared norm that the vectors capture."""
    found: dict[str, np.ndarray] = {}

    def own() -> None:
        found["own"] = right_singular_vectors(matrix, rank, seed=7, progress=SILENT)

    def randomized(normalizer: str) -> Callable[[], None]:
        def run() -> None:
            found[f"sklearn randomized_svd, {normalizer}"] = randomized_svd(
                matrix, rank, n_oversamples=OVERSAMPLING, n_iter=ITERATIONS,
                power_iteration_normalizer=normalizer, random_state=7,
            )[2].T  # fmt: skip

        return run

    def exact() -> None:
        found["scipy svds"] = svds(matrix, rank, random_state=7)[2].T

    runs = {"own": own, **{f"sklearn randomized_svd, {name}": randomized(name) for name in ("QR", "LU")}}
    tell(
        f"SVD of {matrix.shape}, {matrix.nnz:,} stored, rank {rank}",
        measured(runs | {"scipy svds": exact}, repetitions),
    )
    for name, vectors in found.items():
        captured = float((np.asarray(matrix @ vectors) ** 2).sum()) / float((matrix.data**2).sum())
        print(f"  {name:44} captures {captured:.5f} of the squared norm")


def plain_blend(
    lists: list[list[Candidates]], weights: list[float], seen: list[np.ndarray], work_id: np.ndarray, limit: int
) -> list[list[int]]:
    """`shared.recommend.blend.blend` as a plain loop: item indexes for each user, best first."""
    answers = []
    for user, books in enumerate(seen):
        own = [source[user] for source in lists]
        total = sum(weight for weight, (items, _) in zip(weights, own, strict=True) if len(items))
        sums: dict[int, float] = defaultdict(float)
        for weight, (items, scores) in zip(weights, own, strict=True):
            span = scores.max() - scores.min()
            scaled = (scores - scores.min()) / span if span > 0 else np.ones_like(scores)
            for item, score in zip(items.tolist(), scaled.tolist(), strict=True):
                sums[item] += weight / total * score
        taken = set(work_id[books].tolist())
        answer: list[int] = []
        for item in sorted(sums, key=lambda item: (-sums[item], item)):
            if len(answer) < limit and work_id[item] not in taken:
                taken.add(work_id[item])
                answer.append(item)
        answers.append(answer)
    return answers


def compare_blend(n_users: int, repetitions: int) -> None:
    """Time of both for one batch: four lists of 100 books and one of 200, 100 seen books, 10 wanted."""
    chance, work_id = np.random.default_rng(7), np.arange(10_000, dtype=np.int32)
    lists = [
        [
            (chance.choice(len(work_id), n, replace=False).astype(np.int32), chance.random(n, np.float32))
            for _ in range(n_users)
        ]
        for n in (100, 100, 100, 100, 200)
    ]
    seen = [chance.choice(len(work_id), 100, replace=False).astype(np.int32) for _ in range(n_users)]
    weights = [0.1, 0.05, 0.47, 0.28, 0.1]
    packed = blend(lists, weights=weights, seen=seen, work_id=work_id, limit=10)
    plain = plain_blend(lists, weights, seen, work_id, 10)
    assert [one.item_index.tolist() for one in packed] == plain
    medians = measured(
        {
            "own": lambda: [blend(lists, weights=weights, seen=seen, work_id=work_id, limit=10) for _ in range(200)],
            "user by user": lambda: [plain_blend(lists, weights, seen, work_id, 10) for _ in range(200)],
        },
        repetitions,
    )
    tell(f"Blend of five lists for {n_users} users at once, 200 batches", medians)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("users", 50_000), ("books", 10_000), ("rank", 128), ("threads", 1), ("repetitions", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()
    with threadpool_limits(limits=wanted.threads):
        for n_users in (1, 16, 64):
            compare_blend(n_users, wanted.repetitions)
        compare_svd(made_up_positive_interactions(wanted.users, wanted.books), wanted.rank, wanted.repetitions)


if __name__ == "__main__":
    main()
