"""Latency percentiles by route, read from the histogram that Prometheus scrapes."""

from __future__ import annotations

import math
import os
from collections import defaultdict

import numpy as np
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from services.api.schemas.operations import RouteLatency

_BUCKETS = "nightshelf_request_seconds_bucket"
_NOT_ROUTES = ("unmatched", "/web/", "/docs")


def registry() -> CollectorRegistry:
    """The metrics of this process, or of all workers when there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    all_workers = CollectorRegistry()
    MultiProcessCollector(all_workers)  # type: ignore[no-untyped-call]
    return all_workers


def latencies() -> list[RouteLatency]:
    """Percentiles of every route with requests, over all statuses; the busiest route first."""
    buckets_of: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    samples = (sample for family in registry().collect() for sample in family.samples if sample.name == _BUCKETS)
    for sample in samples:
        if not sample.labels["route"].startswith(_NOT_ROUTES):
            buckets_of[sample.labels["route"]][float(sample.labels["le"])] += sample.value
    found = [
        RouteLatency(
            route=route,
            n_requests=int(max(buckets.values())),
            p50_ms=percentile_ms(buckets, 0.50),
            p95_ms=percentile_ms(buckets, 0.95),
            p99_ms=percentile_ms(buckets, 0.99),
        )
        for route, buckets in buckets_of.items()
    ]
    return sorted(found, key=lambda latency: (-latency.n_requests, latency.route))


def percentile_ms(buckets: dict[float, float], share: float) -> float | None:
    """A percentile in milliseconds, linear within its bucket like Prometheus' `histogram_quantile`.

    Args:
        buckets: cumulative number of requests by upper bound in seconds; the last bound is infinite.
        share: in (0, 1).

    Returns:
        `None` without requests, or if the percentile is above the last finite bound.
    """
    bounds = np.array([0.0, *sorted(buckets)])
    counts, first = np.unique([0.0, *sorted(buckets.values())], return_index=True)
    seconds = float(np.interp(share * counts[-1], counts, bounds[first])) if counts[-1] else math.inf
    return round(1000 * seconds, 2) if math.isfinite(seconds) else None
