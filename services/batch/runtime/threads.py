"""Limits the threads of the numeric libraries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import faiss
from threadpoolctl import threadpool_limits


def n_threads(threads: int | None) -> int:
    """The given number of threads, by default the cores available to this process."""
    return threads or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))


@contextmanager
def bound_threads(threads: int | None) -> Iterator[int]:
    """Limit BLAS, OpenMP and FAISS to this many threads inside the block; yields the number."""
    n, before = n_threads(threads), faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(n)
    try:
        with threadpool_limits(limits=n):
            yield n
    finally:
        faiss.omp_set_num_threads(before)
