"""Compares the time of `top_n` with `implicit`'s `recommend` on the same factors, seen books and threads.

    python benchmarks/top_n.py [--users 53424] [--books 10000] [--rank 64] [--n 100] [--repetitions 5]

Both run in turn in one process; medians are compared. A sample of users is checked against brute force: all scores,
sorted. Exits with 1 if a list differs or if the ratio is above 0.5.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from implicit.cpu.matrix_factorization_base import MatrixFactorizationBase
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_info, threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from services.batch.models.top_n import top_n

TARGET = 0.5
SEEN_ON_AVERAGE = 111  # as in the full goodbooks-10k


class Recommender(MatrixFactorizationBase):  # type: ignore[misc]  # it carries no types
    """`implicit`'s ranking over given factors."""

    def __init__(self, user_factors: NDArray[np.float32], item_factors: NDArray[np.float32], threads: int) -> None:
        super().__init__(num_threads=threads)
        self.user_factors, self.item_factors = user_factors, item_factors

    def fit(self, user_items: csr_matrix, show_progress: bool = True, callback: object = None) -> None:  # noqa: FBT001, FBT002
        """Do nothing."""

    def save(self, fileobj_or_path: object) -> None:
        """Do nothing."""


def made_up(
    n_users: int, n_books: int, rank: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], csr_matrix]:
    """Factors and seen books: long-tailed histories (mean 111 books) over long-tailed popularity."""
    random = np.random.default_rng(seed)
    user_factors = random.standard_normal((n_users, rank), dtype=np.float32)
    item_factors = random.standard_normal((n_books, rank), dtype=np.float32)
    lengths = np.minimum(random.gamma(4, SEEN_ON_AVERAGE / 4, n_users).astype(np.int64) + 1, n_books // 4)
    popularity = 1 / (np.arange(n_books) + n_books / 20)
    columns = random.choice(n_books, int(lengths.sum()), p=popularity / popularity.sum())
    rows = np.repeat(np.arange(n_users), lengths)
    seen = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(n_users, n_books))
    seen.sum_duplicates()
    return user_factors, item_factors, seen


def differing_lists(
    item_index: NDArray[np.int32],
    factors: tuple[NDArray[np.float32], NDArray[np.float32]],
    seen: csr_matrix,
    rows: NDArray[np.int64],
) -> int:
    """How many of these users' lists differ from a sort of all scores, except for near-ties."""
    n_wrong = 0
    for row in rows.tolist():
        scores = factors[0][row] @ factors[1].T
        scores[seen.indices[seen.indptr[row] : seen.indptr[row + 1]]] = -np.inf
        best = np.argsort(-scores, kind="stable")[: item_index.shape[1]]
        n_wrong += not np.allclose(scores[item_index[row]], scores[best], rtol=1e-5, atol=1e-5)
        n_wrong += len(set(item_index[row].tolist())) != item_index.shape[1]
    return n_wrong


def main() -> int:
    """Run the comparison and print it."""
    wanted = options()
    user_factors, item_factors, seen = made_up(wanted.users, wanted.books, wanted.rank, seed=7)
    recommender = Recommender(user_factors, item_factors, wanted.threads)
    users = np.arange(wanted.users)
    item_index = np.empty((wanted.users, wanted.n), np.int32)

    def ours() -> None:
        for block in top_n(user_factors, item_factors, seen, n=wanted.n, threads=wanted.threads):
            item_index[block.first_user : block.first_user + len(block.item_index)] = block.item_index

    def theirs() -> None:
        with threadpool_limits(limits=1, user_api="blas"):  # as `implicit` recommends: it has its own threads
            recommender.recommend(users, seen, N=wanted.n, filter_already_liked_items=True)

    print(
        f"{wanted.users:,} users x {wanted.books:,} books, rank {wanted.rank}, N = {wanted.n}, {wanted.threads} threads"
    )
    print(
        f"{seen.nnz / wanted.users:.0f} seen books a user; Python {platform.python_version()}, numpy {np.__version__}"
    )
    for library in threadpool_info():
        if library["user_api"] == "blas":
            print(f"BLAS: {library['prefix']} {library['version']}, kernel {library.get('architecture')}")
    ratio = compare_times({"top_n": ours, "implicit": theirs}, wanted.repetitions)
    sample = np.random.default_rng(1).choice(wanted.users, min(500, wanted.users), replace=False)
    n_wrong = differing_lists(item_index, (user_factors, item_factors), seen, sample)
    print(f"lists that differ from brute force: {n_wrong} of {len(sample)} sampled")
    return int(n_wrong > 0 or ratio > TARGET)


def options() -> argparse.Namespace:
    """The sizes from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = {"users": 53_424, "books": 10_000, "rank": 64, "n": 100, "threads": 2, "repetitions": 5}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def compare_times(runs: dict[str, Callable[[], None]], repetitions: int) -> float:
    """Run both in turn and print the medians; returns the ratio of the wall times, ours to theirs."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    processor_seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repetition in range(repetitions):
        for name, run in runs.items():
            started, processor_started = time.perf_counter(), time.process_time()
            run()
            seconds[name].append(time.perf_counter() - started)
            processor_seconds[name].append(time.process_time() - processor_started)
        print(f"  run {repetition + 1}: " + ", ".join(f"{name} {taken[-1]:.2f} s" for name, taken in seconds.items()))
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    ratio = medians["top_n"] / medians["implicit"]
    of_processor = {name: statistics.median(taken) for name, taken in processor_seconds.items()}
    print(f"medians: top_n {medians['top_n']:.2f} s, implicit {medians['implicit']:.2f} s")
    print(f"ratio: {ratio:.3f} (target: at most {TARGET})")
    print(
        f"processor time, for a busy machine: top_n {of_processor['top_n']:.2f} s, "
        f"implicit {of_processor['implicit']:.2f} s, ratio {of_processor['top_n'] / of_processor['implicit']:.3f}"
    )
    return ratio


if __name__ == "__main__":
    raise SystemExit(main())
