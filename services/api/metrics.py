"""The API's Prometheus metrics. One registry per process."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from shared.cache import CACHE_COUNTS

_FAST = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024)

REQUEST_SECONDS = Histogram(
    "nightshelf_request_seconds", "Time to answer, by route, status class and strategy",
    ["route", "status", "strategy"], buckets=_FAST,
)  # fmt: skip
REDIS_SECONDS = Histogram(
    "nightshelf_redis_seconds", "Time of one round trip to Redis, by purpose", ["what"], buckets=_FAST
)
CACHE_HITS = Counter("nightshelf_cache_hits_total", "Lookups that a cache answered, by cache", ["cache"])
CACHE_MISSES = Counter("nightshelf_cache_misses_total", "Lookups that a cache could not answer, by cache", ["cache"])
DEGRADED = Counter("nightshelf_degraded_answers_total", "Answers given without Redis")
EVENTS = Counter("nightshelf_events_total", "Events received, by outcome", ["outcome"])
GENERATION = Gauge("nightshelf_generation_info", "The generation being served (value 1)", ["generation"])
GENERATION_CREATED = Gauge(
    "nightshelf_generation_created_timestamp_seconds", "When the served generation was made, seconds since 1970"
)
GENERATION_AGE = Gauge("nightshelf_generation_age_seconds", "Age of the served generation when scraped")
GENERATION_FAILURES = Counter("nightshelf_generation_load_failures_total", "Generations that failed to load")
REDIS_UP = Gauge("nightshelf_redis_up", "Whether Redis answered the last request")


class CacheMetrics:
    """Updates `nightshelf_cache_hits_total` and `nightshelf_cache_misses_total`.

    Caches count for themselves, because `shared` does not use Prometheus. Counters, unlike a collector, add up over
    several workers.
    """

    def __init__(self) -> None:
        self._exported: dict[str, tuple[int, int]] = {}

    def update(self) -> None:
        """Add what was counted since the last call."""
        for name, counts in list(CACHE_COUNTS.items()):
            hits, misses = self._exported.get(name, (0, 0))
            now = counts.hits, counts.misses
            CACHE_HITS.labels(name).inc(now[0] - hits)
            CACHE_MISSES.labels(name).inc(now[1] - misses)
            self._exported[name] = now


CACHE_METRICS = CacheMetrics()
