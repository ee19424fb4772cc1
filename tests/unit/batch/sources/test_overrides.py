"""A `nightshelf.toml` without tables overrides what a recognised layout guesses."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.batch.sources.folder import open_folder
from services.batch.sources.rejects import RejectLog
from services.batch.sources.source import best_joins, guesses_of, source_id
from shared.errors import SourceError

BOOKS = "id,book_id,title,authors,shop\n" + "".join(f"{i},{90 + i},Títle {i},Ann,s{i}\n" for i in range(1, 9))
RATINGS = "user_id,book_id,rating\n" + "".join(f"u{i % 3},{i},{i % 10}\n" for i in range(1, 9))


def folder(tmp_path: Path, toml: str = "", ratings: str = RATINGS, **parts: str) -> Path:
    (tmp_path / "books.csv").write_bytes(BOOKS.encode("cp1250"))
    (tmp_path / "ratings.csv").write_text(ratings)
    for name, text in parts.items():
        (tmp_path / f"{name}.csv").write_text(text)
    if toml:
        (tmp_path / "nightshelf.toml").write_text(toml, encoding="utf-8-sig")
    return tmp_path


def test_without_overrides_everything_is_guessed_and_told(tmp_path: Path) -> None:
    source = open_folder(folder(tmp_path))
    settings = {guess.what: guess.setting for guess in guesses_of(source)}
    assert settings["id of the books"] == 'books_id = "id"'
    assert settings["rating scale"] == "rating_scale = [1, 5]"
    assert "encoding of books.csv" in settings
    assert (source.name, source_id(source)) == (tmp_path.name, None)


def test_overrides_win_and_are_no_guesses(tmp_path: Path) -> None:
    toml = (
        'source_id = "town"\nname = "Town"\nsimulated_readers = true\nencoding = "windows-1250"\norder = "sequence"\n'
        'rating_scale = [0, 10]\nbooks_id = "book_id"\n'
    )
    source = open_folder(folder(tmp_path, toml))
    rejects = RejectLog()
    books, interactions = source.books(rejects), source.interactions(rejects)
    assert (source.kind, source.name, source_id(source)) == ("goodbooks", "Town", "town")
    assert (source.order, source.rating_scale, source.simulated_readers) == ("sequence", "0-10", True)
    assert books["book_id"].tolist()[:2] == ["91", "92"]
    assert books["title"].tolist()[0] == "Títle 1"
    assert interactions["value"].tolist()[0] == pytest.approx(1.4)
    assert not guesses_of(source)
    assert best_joins(source)[0].startswith("'book_id' of the interactions with 'id' of the books (8 of 8")


def test_a_table_beside_the_books_may_refer_to_another_id(tmp_path: Path) -> None:
    genres = "book_id,genres\n" + "".join(f"{90 + i},genre {i}\n" for i in range(1, 9))
    books = open_folder(folder(tmp_path, genres=genres)).books(RejectLog())
    assert books["book_id"].tolist()[:2] == ["1", "2"]
    assert books["genres"].tolist()[:2] == [["genre 1"], ["genre 2"]]


def test_the_usual_column_is_kept_if_others_join_as_well(tmp_path: Path) -> None:
    (tmp_path / "nightshelf.toml").unlink(missing_ok=True)
    path = folder(tmp_path)
    (path / "books.csv").write_text("id,book_id,title\n" + "".join(f"{9 - i},{i},T{i}\n" for i in range(1, 9)))
    assert open_folder(path).books(RejectLog())["book_id"].tolist()[0] == "1"


@pytest.mark.parametrize(
    ("toml", "what"),
    [("books = 3", "not a mapping"), ('books_id = "isbn13"', "no column 'isbn13'"), ("colour = 1", "colour"),
     ("rating_scale = [5, 1]", "lowest to its highest"), ('order = "sometimes"', "order")],
)  # fmt: skip
def test_a_wrong_override_is_refused_by_name(tmp_path: Path, toml: str, what: str) -> None:
    with pytest.raises(SourceError, match=what):
        open_folder(folder(tmp_path, toml)).books(RejectLog())
