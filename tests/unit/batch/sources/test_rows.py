"""Rows of text to books and interactions."""

from __future__ import annotations

import math

import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from services.batch.sources.book_ids import own_id
from services.batch.sources.book_rows import BookFormat, clean_books
from services.batch.sources.files.generic import open_generic
from services.batch.sources.guesses import Guess
from services.batch.sources.interaction_rows import InteractionFormat, clean_interactions
from services.batch.sources.number_texts import parse_numbers
from services.batch.sources.rejects import RejectLog
from tests.paths import ROOT

CASES = ROOT / "tests" / "cases"


def books(rejects: RejectLog, *rows: dict[str, str], **options: object) -> pd.DataFrame:
    raw = pd.DataFrame([{"row": i, **row} for i, row in enumerate(rows, 1)]).fillna("")
    return clean_books(raw, BookFormat("b.csv", {"book_id": "ISBN"}, **options), rejects)  # type: ignore[arg-type]


def test_books_need_an_id_and_a_title_and_nothing_else() -> None:
    rejects = RejectLog()
    frame = books(
        rejects,
        {"book_id": "000123X", "title": " The  Title "},
        {"book_id": "", "title": "No id"},
        {"book_id": "2", "title": " "},
        {"book_id": "x" * 201, "title": "Long"},
        {"book_id": "a\x00b", "title": "Control"},
        {"book_id": "x" * 200, "title": "Just right", "year": "Penguin Books", "image_url": "javascript:alert(1)"},
    )
    assert frame["book_id"].tolist() == ["000123X", own_id("no id", ""), "x" * 200]
    assert frame["title"].tolist() == ["The Title", "No id", "Just right"]
    first = frame.iloc[0]
    assert (first["authors"], first["genres"], first["series"], first["description"]) == ([], [], None, None)
    assert math.isnan(first["year"])
    assert frame["image_url"].tolist() == [None, None, None]
    assert [(reject["row"], reject["field"], reject["reason"]) for reject in rejects.table().to_pylist()] == [
        (2, "ISBN", "id is missing; kept under an id of its own"),
        (3, "title", "title is missing"),
        (4, "ISBN", "id is longer than 200 characters"),
        (5, "ISBN", "control character in id"),
        (6, "year", "not a year; left empty"),
    ]


def test_published_averages_are_mapped_to_five_stars_and_nonsense_is_left_out() -> None:
    rows = [{"book_id": str(i), "title": "T", "average_rating": text} for i, text in enumerate(["10", "1", "11", "?"])]
    averages = books(RejectLog(), *rows, average_scale=(1.0, 10.0))["average_rating"].tolist()
    assert averages[:2] == [5.0, 1.0]
    assert all(math.isnan(average) for average in averages[2:])


def test_every_spelling_of_missing_is_empty_but_stays_a_title() -> None:
    words = ["NULL", "nan", "None", "N/A", r"\N", "-", "NA", ""]
    optional = ("authors", "year", "genres", "series", "description", "average_rating", "n_ratings")
    rejects = RejectLog()
    rows = [{"book_id": str(i), "title": "T", **dict.fromkeys(optional, word)} for i, word in enumerate(words)]
    frame = books(rejects, *rows)
    assert frame["authors"].map(len).sum() == frame["genres"].map(len).sum() == 0
    assert frame[["year", "series", "description", "average_rating", "n_ratings"]].isna().to_numpy().all()
    assert rejects.total == 0
    titled = books(rejects, *({"book_id": word, "title": word} for word in ("Nan", "None", "NA", "Unknown")))
    assert titled["title"].tolist() == ["Nan", "None", "NA", "Unknown"]
    assert len(books(rejects, {"book_id": "1", "title": r"\N"}, {"book_id": "2", "title": "T"})) == 1


def test_a_file_full_of_words_for_missing_has_books_without_details() -> None:
    found = open_generic(CASES / "null-markers").books(RejectLog())
    assert len(found) == 12
    assert found["authors"].map(len).sum() == found["genres"].map(len).sum() == 0
    assert found[["year", "description"]].isna().to_numpy().all()


def test_lists_written_as_text_are_lists() -> None:
    found = open_generic(CASES / "amazon-lists").books(RejectLog())
    assert found["genres"].tolist() == [["fiction", "sea stories"]] * 11
    assert {tuple(authors[1:]) for authors in found["authors"]} == {("Second Author",)}


def test_nobody_is_no_author() -> None:
    found = open_generic(CASES / "author-unknown").books(RejectLog()).set_index("book_id")["authors"]
    assert found[["un1", "un2", "un3", "va1", "va2"]].tolist() == [[]] * 5
    assert found["b1"] == ["Writer Aason"]


def test_descriptions_lose_what_other_programs_left_in_them() -> None:
    found = open_generic(CASES / "html-double-escaped").books(RejectLog())["description"].tolist()
    assert found[:8] == [
        "A bold tale of ships",
        "Plain html",
        'A & B "x" \N{RIGHT SINGLE QUOTATION MARK}',
        None,
        "price < 5 and > 3",
        "hello there",
        "Line one Line two",
        "<3 is a heart, a<b and c>d",
    ]
    assert found[8:11] == ["An inner text", "bb code tale", None]


def test_years_in_many_forms_are_read_and_the_impossible_counted() -> None:
    rejects = RejectLog()
    found = open_generic(CASES / "year-forms").books(rejects)
    years = found.set_index("book_id")["year"]
    assert years[["b1", "b2", "b3", "b4", "b10", "b12", "b22"]].tolist() == [1998, 2003, 2004, 1998, 2004, 2006, 2004]
    assert years.notna().sum() == 23
    assert rejects.counts == {"not a year; left empty": 1, "year is in the future; left empty": 2}


def test_a_column_of_inverted_names_has_one_author_a_cell() -> None:
    names = [
        "García Márquez, Gabriel",
        "Cortázar, Julio",
        "Borges, Jorge Luis",
        "Ocampo, Silvina; Bioy Casares, Adolfo",
    ]
    rejects = RejectLog()
    frame = books(rejects, *({"book_id": name, "title": "T", "authors": name} for name in names))
    assert frame["authors"].tolist() == [*([name] for name in names[:3]), ["Ocampo, Silvina", "Bioy Casares, Adolfo"]]
    assert rejects.guesses == [
        Guess("authors in b.csv", "surname, first name", 'author_separator = ";" in nightshelf.toml')
    ]


def test_a_series_and_its_position_are_read_from_their_cells() -> None:
    cells = [("Discworld #8", ""), ("Discworld", "8"), ("(Discworld, #8)", "Book 9"), ("", "3"), ("NULL", "NULL")]
    rows = [{"book_id": str(i), "title": "T", "series": s, "series_position": p} for i, (s, p) in enumerate(cells)]
    frame = books(RejectLog(), *rows)
    assert frame["series"].tolist() == ["Discworld", "Discworld", "Discworld", None, None]
    assert frame["series_position"].fillna(-1).tolist() == [8, 8, 9, -1, -1]


def test_numbers_may_have_a_decimal_comma_and_groups_of_digits() -> None:
    row = {"book_id": "1", "title": "T", "average_rating": "4,5", "n_ratings": "1,234,567"}
    frame = books(RejectLog(), row, {**row, "n_ratings": "12.0"}, {**row, "n_ratings": "-1"})
    assert frame["average_rating"].tolist() == [4.5] * 3
    assert frame["n_ratings"].fillna(-1).tolist() == [1_234_567, 12, -1]


def test_isbns_of_any_column_are_kept_once_and_an_original_title_unless_it_is_the_title() -> None:
    frame = books(
        RejectLog(),
        {"book_id": "1", "title": "One", "isbn": '="0439023483"', "isbn13": "9780439023481", "original_title": "Uno"},
        {"book_id": "080442957X", "title": "Two", "isbn13": "9.78E+12", "original_title": "Two"},
        {"book_id": "439023483", "title": "Three"},
    )
    assert frame["isbns"].tolist() == [["9780439023481"], ["9780804429573"], []]
    assert frame["other_titles"].tolist() == [["Uno"], [], []]


def interactions(form: InteractionFormat, rejects: RejectLog, **columns: list[str]) -> pd.DataFrame:
    n_rows = len(next(iter(columns.values())))
    batch = pa.table({**columns, "row": pa.array(range(1, n_rows + 1), pa.int64())})
    return clean_interactions([batch.slice(0, 2), batch.slice(2)], form, rejects)


NAMES = {"user_id": "User-ID", "book_id": "ISBN", "value": "Book-Rating"}


def test_each_unusable_interaction_is_set_aside_with_its_first_fault() -> None:
    rejects = RejectLog()
    frame = interactions(
        InteractionFormat("r.csv", NAMES),
        rejects,
        user_id=["u1", "", "u3", "u4", "u5", "u6", "u7"],
        book_id=["0001X", "b", "", "b", "b", "b", "b"],
        value=["5", "9", "3", "6", "good", "", "4,5"],
    )
    assert frame["user_id"].tolist() == ["u1", "u7"]
    assert frame["book_id"].tolist() == ["0001X", "b"]
    assert frame["value"].tolist() == [5.0, 4.5]
    assert frame["time"].tolist() == [1.0, 7.0]
    assert [tuple(reject.values()) for reject in rejects.table().to_pylist()] == [
        ("r.csv", 2, "User-ID", "", "id is missing"),
        ("r.csv", 3, "ISBN", "", "id is missing"),
        ("r.csv", 6, "Book-Rating", "", "rating is missing"),
        ("r.csv", 5, "Book-Rating", "good", "rating is not a number"),
        ("r.csv", 4, "Book-Rating", "6", "rating is outside 1-5"),
    ]


def test_ten_points_become_five_stars_and_zero_a_book_without_a_rating() -> None:
    form = InteractionFormat("r.csv", NAMES, scale=(1.0, 10.0), zero_is_read=True)
    rejects = RejectLog()
    values = ["0", "1", "5.5", "10", "11", "-1"]
    frame = interactions(form, rejects, user_id=list("uvwxyz"), book_id=["b"] * 6, value=values)
    assert frame["kind"].tolist() == ["read", "rating", "rating", "rating"]
    assert frame["value"].tolist()[1:] == [1.0, 3.0, 5.0]
    assert math.isnan(frame["value"].iloc[0])
    assert rejects.counts == {"rating is outside 1-10": 2}


def test_kinds_are_translated_and_only_ratings_have_a_value() -> None:
    form = InteractionFormat("r.csv", {**NAMES, "kind": "what"}, kinds={"lent": "read", "stars": "rating"})
    rejects = RejectLog()
    kinds = ["Lent", "stars", "stolen"]
    frame = interactions(form, rejects, user_id=["u"] * 3, book_id=["b"] * 3, value=["3", "3", "3"], kind=kinds)
    assert frame["kind"].tolist() == ["read", "rating"]
    assert frame["value"].isna().tolist() == [True, False]
    assert rejects.counts == {"unknown kind": 1}


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_python_reads_them(number: float) -> None:
    assert parse_numbers(pa.array([repr(number)])).tolist() == [number]


def test_a_file_without_rows_is_an_empty_frame_of_the_same_columns() -> None:
    frame = clean_interactions([], InteractionFormat("r.csv", NAMES), RejectLog())
    assert len(frame) == 0
    assert list(frame.columns) == ["user_id", "book_id", "kind", "value", "time", "row", "file"]
