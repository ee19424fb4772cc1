"""Peak memory of `top_n` for 1,000,000 users and 100,000 books, and the projected time for all users.

    python benchmarks/top_n_memory.py [--users 1000000] [--books 100000] [--rank 64] [--n 100] [--slice 20000]

Factors, seen books and lists are held in full and every page is touched. Listing stops after a slice of the users; its
time is projected to all. Exits with 1 if the peak is at or above 3 GiB.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from services.batch.models.top_n import top_n

TARGET_GIB = 3.0
SEEN_ON_AVERAGE = 111
USERS_AT_ONCE = 50_000
GIB = 2**30


def made_up_seen(n_users: int, n_books: int, random: np.random.Generator) -> csr_matrix:
    """Seen books in the types that the nightly run uses: int32 indices, int8 values; 111 per user on average."""
    lengths = random.integers(1, 2 * SEEN_ON_AVERAGE, n_users)
    starts = np.zeros(n_users + 1, np.int32)
    np.cumsum(lengths, out=starts[1:])
    item_index = np.empty(int(starts[-1]), np.int32)
    for first in range(0, n_users, USERS_AT_ONCE):
        rows = slice(starts[first], starts[min(first + USERS_AT_ONCE, n_users)])
        item_index[rows] = random.integers(0, n_books, rows.stop - rows.start, dtype=np.int32)
    return csr_matrix((np.ones(len(item_index), np.int8), item_index, starts), shape=(n_users, n_books))


def peak_gib() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = {"users": 1_000_000, "books": 100_000, "rank": 64, "n": 100, "threads": 2, "slice": 20_000}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()

    random = np.random.default_rng(7)
    user_factors = random.standard_normal((wanted.users, wanted.rank), dtype=np.float32)
    item_factors = random.standard_normal((wanted.books, wanted.rank), dtype=np.float32)
    seen = made_up_seen(wanted.users, wanted.books, random)
    item_index = np.full((wanted.users, wanted.n), -1, np.int32)
    scores = np.full((wanted.users, wanted.n), -np.inf, np.float32)
    given = sum(array.nbytes for array in (user_factors, item_factors, seen.data, seen.indices, seen.indptr))
    print(
        f"{wanted.users:,} users x {wanted.books:,} books, rank {wanted.rank}, N = {wanted.n}, {wanted.threads} threads"
    )
    print(f"factors and {seen.nnz:,} seen books: {given / GIB:.2f} GiB")
    print(f"lists: {(item_index.nbytes + scores.nbytes) / GIB:.2f} GiB (the nightly run maps them to files)")
    print(f"peak before listing: {peak_gib():.2f} GiB")

    n_listed = 0
    started = time.perf_counter()
    blocks = top_n(user_factors, item_factors, seen, n=wanted.n, threads=wanted.threads)
    for block in blocks:
        rows = slice(block.first_user, block.first_user + len(block.item_index))
        item_index[rows], scores[rows] = block.item_index, block.scores
        n_listed = rows.stop
        if n_listed >= wanted.slice:
            blocks.close()
            break
    seconds = time.perf_counter() - started
    minutes = seconds * wanted.users / n_listed / 60
    print(f"listed {n_listed:,} users in {seconds:.1f} s; all of them would take {minutes:.0f} min")
    print(f"peak: {peak_gib():.2f} GiB (target: below {TARGET_GIB})")
    return int(peak_gib() >= TARGET_GIB)


if __name__ == "__main__":
    raise SystemExit(main())
