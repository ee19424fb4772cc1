"""Latency percentiles by route, read back from the histogram that Prometheus scrapes."""

from __future__ import annotations

import math
import os
from collections import defaultdict

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from services.api.metrics import REQUEST_SECONDS
from services.api.schemas.operations import RouteLatency

_BUCKETS = "nightshelf_request_seconds_bucket"
_NOT_ROUTES = ("unmatched", "/web/", "/docs")


def registry() -> CollectorRegistry:
    """What is counted and timed: of this process, or of all workers when there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    of_all = CollectorRegistry()
    MultiProcessCollector(of_all)  # type: ignore[no-untyped-call]
    return of_all


def latencies() -> list[RouteLatency]:
    """Of every route that was asked for, whatever it answered, the busiest first."""
    by_route: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    families = REQUEST_SECONDS.collect() if registry() is REGISTRY else registry().collect()
    for family in families:
        for sample in family.samples:
            if sample.name == _BUCKETS and not sample.labels["route"].startswith(_NOT_ROUTES):
                by_route[sample.labels["route"]][float(sample.labels["le"])] += sample.value
    found = [_latency(route, sorted(buckets.items())) for route, buckets in by_route.items()]
    return sorted(found, key=lambda latency: (-latency.n_requests, latency.route))


def _latency(route: str, buckets: list[tuple[float, float]]) -> RouteLatency:
    return RouteLatency(
        route=route,
        n_requests=int(buckets[-1][1]),
        p50_ms=percentile_ms(buckets, 0.50),
        p95_ms=percentile_ms(buckets, 0.95),
        p99_ms=percentile_ms(buckets, 0.99),
    )


def percentile_ms(buckets: list[tuple[float, float]], share: float) -> float | None:
    """A percentile in milliseconds, linear within its bucket, as Prometheus' `histogram_quantile` has it.

    Args:
        buckets: upper bound in seconds and how many were at most that, rising, the last bound infinite.
        share: in (0, 1).

    Returns:
        `None` where nothing was counted or the percentile lies beyond the last finite bound.
    """
    wanted = share * buckets[-1][1]
    lower, below = 0.0, 0.0
    for upper, n in buckets:
        if n >= wanted and n > below:
            if math.isinf(upper):
                return None
            return round(1000 * (lower + (upper - lower) * (wanted - below) / (n - below)), 2)
        lower, below = upper, n
    return None
