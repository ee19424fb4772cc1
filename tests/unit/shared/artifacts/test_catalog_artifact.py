"""The catalogue as it is served: books by id and number, and the JSON that answers are made of."""

from __future__ import annotations

import orjson
import pytest

from shared.artifacts.catalog import Catalog, open_same_series_author
from shared.artifacts.generation import artifact_folder
from shared.errors import UnknownBookError
from shared.layout import DataFolder
from tests.worlds.small_generation import N_BOOKS, of_numbers, of_scores, write_generation


@pytest.fixture
def opened(tmp_path):
    """Open the catalogue written with these changes: its folder, and what is in it."""

    def of(changed=None):
        manifest = write_generation(DataFolder(tmp_path), "g", changed)
        path = artifact_folder(DataFolder(tmp_path), "catalog", manifest.artifacts["catalog"])
        return path, Catalog.open(path)

    return of


def test_a_book_is_found_by_its_id_unless_it_is_withdrawn(opened):
    _, catalog = opened()
    assert catalog.n_books == N_BOOKS
    assert (catalog.find("b0"), catalog.number_of("b4")) == (0, 4)
    for book_id in ("b5", "b6"):
        assert catalog.find(book_id) is None
        with pytest.raises(UnknownBookError, match=f"no book '{book_id}'") as refused:
            catalog.number_of(book_id)
        assert refused.value.where == "book_id"


def test_records_and_the_json_of_answers(opened):
    _, catalog = opened()
    added = {"isbns": [], "other_titles": []}  # an artifact of an earlier version lacks them
    assert catalog.record(1) == {"book_id": "b1", "title": "Book 1", "series": "saga", "series_position": 2} | added
    for _ in range(2):  # the second time kept
        assert orjson.loads(orjson.dumps(catalog.item(3))) == ["b3", "Book 3", ["Ann Pause"]]
        assert orjson.loads(orjson.dumps(catalog.explanation(3))) == {"book_id": "b3", "title": "Book 3"}


def test_an_artifact_without_rows_gets_those_of_its_records(opened):
    table = open_same_series_author(*opened())
    assert [table.neighbors(number)[0].tolist() for number in range(N_BOOKS)] == [
        [1, 2, 3],
        [2, 0],
        [0, 1],
        [0],
        [],
        [],
    ]


def test_rows_that_are_there_are_taken_as_they_are(opened):
    rows = {"same_series_author.numbers.npy": of_numbers([4]), "same_series_author.scores.npy": of_scores([0.5])}
    table = open_same_series_author(*opened({f"catalog/{name}": content for name, content in rows.items()}))
    assert table.neighbors(0)[0].tolist() == [4]
    assert table.n_books == 1
