"""Weights of the candidate lists, and how a request shifts them."""

from __future__ import annotations

import pytest

from shared.recommend.blend import CANDIDATE_SOURCES
from shared.recommend.blend_weights import blend_weights, content_share, max_recent_books, with_content_share
from shared.settings import BlendSettings


def test_weights_follow_from_how_much_someone_has_read():
    blend = BlendSettings(cold_start_books=2, trending_weight=0.1, few_books_trending_weight=0.9)
    content, trending = CANDIDATE_SOURCES.index("content"), CANDIDATE_SOURCES.index("trending")
    by_books = {n: blend_weights(blend, n) for n in (0, 1, 2, 3, 9, 90)}
    assert [by_books[n][trending] for n in by_books] == pytest.approx([0.1, 0.1, 0.1, 0.4, 0.2, 0.11])
    assert [by_books[n][content] for n in by_books] == pytest.approx([0.6] * 3 + [0.05] * 3)
    kept = with_content_share(blend, content_share(blend))
    assert blend_weights(kept, 9) == pytest.approx(by_books[9])
    assert blend_weights(with_content_share(blend, 1), 9)[trending] == 0


def test_there_is_a_weight_for_each_source_in_the_order_of_the_sources():
    weights = {f"{source}_weight": place / 8 for place, source in enumerate(CANDIDATE_SOURCES)}
    blend = BlendSettings(**weights, few_books_trending_weight=0)
    assert blend_weights(blend, 99) == tuple(weights.values())


def test_no_share_asked_for_changes_nothing():
    blend = BlendSettings()
    assert with_content_share(blend, None) is blend


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_asked_for_is_the_share_there_is(share):
    assert content_share(with_content_share(BlendSettings(), share)) == pytest.approx(share)


def test_where_nothing_weighs_anything_the_first_list_of_a_side_takes_its_share():
    nothing = BlendSettings(
        collaborative_weight=0,
        content_weight=0,
        item_transitions_weight=0,
        same_series_author_weight=0,
        trending_weight=0,
    )
    assert content_share(nothing) == 0.5
    shifted = with_content_share(nothing, 0.25)
    assert (shifted.content_weight, shifted.collaborative_weight) == (0.25, 0.75)
    assert shifted.few_books_trending_weight == 0


@pytest.mark.parametrize(
    "longest", ["recent_books", "item_transitions_recent_books", "same_series_author_recent_books"]
)
def test_the_list_that_looks_furthest_back_decides_how_many_recent_books_are_needed(longest):
    few = dict.fromkeys(("recent_books", "item_transitions_recent_books", "same_series_author_recent_books"), 2)
    assert max_recent_books(BlendSettings(**few | {longest: 7})) == 7
