"""Cluster names match the planted clusters and are distinct."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from services.batch.content.cluster_names import SEPARATOR, name_clusters
from services.batch.content.word_forms import alike

# Each planted cluster: its genre, the words its descriptions share, and a name only one author uses.
WORLD = {
    "space opera": ("empire", "robots", "Zorbax"),
    "gardening": ("roses", "soil", "Petunio"),
    "sea stories": ("captain", "storm", "Barnaclo"),
    "cookery": ("recipes", "oven", "Saltimbo"),
}
N_EACH = 30
FILLER = "people quietly remember yellow mornings while something considers another window".split()  # noqa: SIM905


def planted_books():
    generator = np.random.default_rng(5)
    rows = []
    for genre, (first, second, hero) in WORLD.items():
        for number in range(N_EACH):
            words = [*generator.choice(FILLER, 6), f"the {first} and the {second} of London. "]
            by_hero = number % 6 == 0
            rows.append(
                {
                    "title": f"Book {len(rows)}",
                    "authors": ["One Author" if by_hero else f"Author {len(rows)}"],
                    "genres": [genre, "fiction", "to read"],
                    "description": f"In it {' '.join(words)}{f'Then {hero} meets {hero}.' if by_hero else ''}",
                }
            )
    return pd.DataFrame(rows)


PLANTED = np.repeat(np.arange(len(WORLD)), N_EACH)


def test_names_tell_what_was_planted_and_nothing_else():
    clusters = name_clusters(PLANTED.astype(np.int32), planted_books())

    for cluster, (genre, (first, second, hero)) in zip(clusters, WORLD.items(), strict=True):
        assert set(cluster["name"].split(SEPARATOR)) == {genre, first, second}
        assert set(cluster["words"]) == {first, second}
        assert hero.lower() not in cluster["name"].lower()
        assert cluster["n_books"] == N_EACH


def test_two_clusters_of_the_same_kind_have_two_names():
    books = pd.concat([planted_books().iloc[:N_EACH]] * 3, ignore_index=True)

    clusters = name_clusters(np.repeat(np.arange(3, dtype=np.int32), N_EACH), books)

    assert len({cluster["name"] for cluster in clusters}) == 3
    assert all(cluster["name"] for cluster in clusters)


def test_books_with_nothing_but_titles_still_have_named_clusters():
    books = pd.DataFrame(
        {"title": list("abcdef"), "authors": [None] * 6, "genres": [None] * 6, "description": [None] * 6}
    )

    clusters = name_clusters(np.array([0, 0, 0, 1, 1, -1], np.int32), books)

    assert [(cluster["name"], cluster["n_books"]) for cluster in clusters] == [("cluster 1", 3), ("cluster 2", 2)]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-1, 3),
            st.lists(st.sampled_from(["sci-fi", "Science Fiction", "war", "wars", "", "--", "to-read"]), max_size=3),
            st.none() | st.text(alphabet="aet 'sS.\u2019-\n!", max_size=40),
        ),
        max_size=12,
    )
)
def test_names_are_distinct_and_not_empty_whatever_the_books_say(rows):
    books = pd.DataFrame(
        {
            "title": ["" for _ in rows],
            "authors": [[] for _ in rows],
            "genres": [genres for _, genres, _ in rows],
            "description": [description for *_, description in rows],
        }
    )
    clusters = name_clusters(np.array([cluster for cluster, *_ in rows], np.int32), books)

    names = [cluster["name"] for cluster in clusters]
    assert len(set(names)) == len(names) == max((cluster for cluster, *_ in rows), default=-1) + 1
    for name in names:
        terms = name.split(SEPARATOR)
        assert all(term.strip() for term in terms)
        assert not any(alike(one, other) for place, one in enumerate(terms) for other in terms[:place])
