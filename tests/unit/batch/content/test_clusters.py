"""Clusters: planted clusters come back, and their names tell what was planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from services.batch.content.cluster_names import SEPARATOR, alike, name_clusters, singular
from services.batch.content.clusters import find_clusters, n_clusters_for
from shared.settings import ContentSettings

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


def planted_vectors(seed=0, noise=0.5):
    generator = np.random.default_rng(seed)
    centres = np.linalg.qr(generator.standard_normal((32, len(WORLD))))[0].T
    vectors = (
        np.repeat(centres, N_EACH, axis=0) + noise * generator.standard_normal((len(WORLD) * N_EACH, 32)) / 32**0.5
    )
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


PLANTED = np.repeat(np.arange(len(WORLD)), N_EACH)


@pytest.mark.parametrize("seed", range(3))
def test_planted_tribes_are_recovered(seed):
    vectors = planted_vectors(seed)

    cluster_of = find_clusters(vectors, np.arange(len(vectors)), ContentSettings(clusters=len(WORLD)))

    assert adjusted_rand_score(PLANTED, cluster_of) == 1.0


def test_only_the_books_asked_for_are_in_a_tribe_and_the_largest_comes_first():
    vectors = planted_vectors()
    numbers = np.flatnonzero((PLANTED != 2) | (np.arange(len(PLANTED)) % 3 == 0))

    cluster_of = find_clusters(vectors, numbers, ContentSettings(clusters=4))

    assert (np.delete(cluster_of, numbers) == -1).all()
    sizes = np.bincount(cluster_of[numbers])
    assert sizes.tolist() == sorted(sizes, reverse=True) == [30, 30, 30, 10]
    assert cluster_of.dtype == np.int32


def test_no_tribe_is_smaller_than_three_books():
    vectors = planted_vectors()
    strangers = np.linalg.qr(np.random.default_rng(9).standard_normal((32, 2)))[0].T.astype(np.float32)

    cluster_of = find_clusters(
        np.vstack((vectors, strangers)), np.arange(len(vectors) + 2), ContentSettings(clusters=6)
    )

    assert np.bincount(cluster_of).min() >= 3
    assert (cluster_of >= 0).all()


def test_centres_fitted_to_a_sample_still_place_every_book(monkeypatch):
    monkeypatch.setattr("services.batch.content.clusters.SAMPLE", 60)
    vectors = planted_vectors()

    cluster_of = find_clusters(vectors, np.arange(len(vectors)), ContentSettings(clusters=len(WORLD)))

    assert adjusted_rand_score(PLANTED, cluster_of) == 1.0


def test_the_usual_number_of_tribes_grows_with_the_root_of_the_books():
    assert [n_clusters_for(n) for n in (1, 9, 20, 60, 800, 10_000, 1_000_000)] == [1, 1, 4, 5, 20, 60, 60]


def test_names_tell_what_was_planted_and_nothing_else():
    clusters = name_clusters(PLANTED.astype(np.int32), planted_books())

    for cluster, (genre, (first, second, hero)) in zip(clusters, WORLD.items(), strict=True):
        assert set(cluster["name"].split(SEPARATOR)) == {genre, first, second}
        assert set(cluster["words"]) == {first, second}
        assert hero.lower() not in cluster["name"].lower()
        assert cluster["n_books"] == N_EACH


def test_two_tribes_of_the_same_kind_have_two_names():
    books = pd.concat([planted_books().iloc[:N_EACH]] * 3, ignore_index=True)

    clusters = name_clusters(np.repeat(np.arange(3, dtype=np.int32), N_EACH), books)

    assert len({cluster["name"] for cluster in clusters}) == 3
    assert all(cluster["name"] for cluster in clusters)


def test_books_with_nothing_but_titles_still_have_named_tribes():
    books = pd.DataFrame(
        {"title": list("abcdef"), "authors": [None] * 6, "genres": [None] * 6, "description": [None] * 6}
    )

    clusters = name_clusters(np.array([0, 0, 0, 1, 1, -1], np.int32), books)

    assert [(cluster["name"], cluster["n_books"]) for cluster in clusters] == [("cluster 1", 3), ("cluster 2", 2)]


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


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("robot", "robots", True),
        ("witches", "witch", True),
        ("historical fiction", "history", True),
        ("ya", "young adult", True),
        ("scifi", "science fiction", True),
        ("vampire", "vampires", True),
        ("empire", "vampire", False),
        ("war", "warrior", False),
        ("magic", "magical realism", True),
        ("horror", "house", False),
    ],
)
def test_terms_that_repeat_each_other_are_known(one, other, same):
    assert alike(one, other) is alike(other, one) is same


def test_a_plural_has_the_key_of_its_singular():
    pairs = {"stories": "story", "wolves": "wolf", "boxes": "box", "churches": "church", "kings": "king", "guns": "gun"}
    assert {plural: singular(plural) for plural in pairs} == pairs
    assert [singular(word) for word in ("princess", "paris", "virus", "boss")] == ["princess", "paris", "virus", "boss"]
