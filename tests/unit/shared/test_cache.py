from shared.cache import CACHE_COUNTS, Cache


def test_the_oldest_entry_is_dropped_first_and_lookups_are_counted_by_name():
    cache = Cache("of_this_test", 2)
    for key in "abc":
        cache.put(key, key.upper())
    assert [cache.get(key) for key in "abc"] == [None, "B", "C"]
    other = Cache("of_this_test", 2)
    assert other.get("b") is None
    assert (CACHE_COUNTS["of_this_test"].hits, CACHE_COUNTS["of_this_test"].misses) == (2, 2)
    cache.clear()
    assert len(cache) == 0


def test_a_size_bounds_the_total_of_the_entries():
    cache = Cache("of_sizes", 10, size_of=len)
    for key in ("abcd", "efgh", "ijk"):
        cache.put(key, key)
    assert [cache.get(key) for key in ("abcd", "efgh", "ijk")] == [None, "efgh", "ijk"]
