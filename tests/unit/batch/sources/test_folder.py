"""Real-world folders: recognized by their columns, or refused with the tables found."""

from __future__ import annotations

import gzip
import math
import os
from pathlib import Path

import pyarrow.csv as pyarrow_csv
import pyarrow.parquet as pq
import pytest

from services.batch.sources.folder import open_folder
from services.batch.sources.rejects import RejectLog
from services.batch.sources.source import BOOK_COLUMNS, INTERACTION_COLUMNS
from shared.errors import SourceError

GOODBOOKS = {
    "books.csv": (
        "book_id,goodreads_book_id,isbn,authors,original_publication_year,title,average_rating,ratings_count,image_url\n"
        '1,11,0441172717,"Frank Herbert",1965.0,"Dune (Dune Chronicles, #1)",4.19,494849,https://covers.test/1.jpg\n'
        '2,12,,"Homer, Emily Wilson",-750.0,The Odyssey,3.73,560811,\n'
        "3,13,,Anonymous,,Beowulf,3.4,,ftp://covers.test/3.jpg\n"
        "4,14,,Nobody,2001.0,,4.0,10,\n"
    ),
    "ratings.csv": "user_id,book_id,rating\n7,1,5\n8,2,4\n7,3,6\n8,1,2\n9,1\n",
    "genres.csv": 'book_id,title,genres\n1,Dune,"Science-Fiction,classics, Classics"\n3,Beowulf,\n',
    "descriptions.csv": 'book_id,description\n1,"<p>Spice.\n\nSand &amp; worms.</p>"\n1,\n9,Of no book here.\n',
}
BOOK_CROSSING_KAGGLE = {
    "Books.csv": (
        "ISBN,Book-Title,Book-Author,Year-Of-Publication,Publisher,Image-URL-S,Image-URL-M,Image-URL-L\n"
        "0195153448,Classical Mythology,Mark P. O. Morford,2002,Oxford,http://i.test/s,http://i.test/m,http://i.test/l\n"
        '034545104X,"Flesh Tones: A Novel","M. J. Rose",0,Ballantine,,,\n'
        '0002005018,"Clara &amp; Sons, a ""Tale""",R. B. Wright,2050,Harper,,,\n'
        '078946697X,"Creating the X-Men (Level 4)\\"";Michael Teitelbaum",2000,DK Publishing Inc,http://i.test/x,,,\n'
        "Too few\n"
    ),
    "Ratings.csv": (
        "User-ID,ISBN,Book-Rating\n276725,034545104X,0\n276726,0195153448,10\n276726,0002005018,1\n"
        "276727,9999999991,8\n276728,0195153448,11\n"
    ),
    "Users.csv": 'User-ID,Location,Age\n276725,"tyler, texas, usa",NULL\n',
}
BOOK_CROSSING_ORIGINAL = {
    "BX-Books.csv": (
        '"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher";"Image-URL-S";"Image-URL-M";"Image-URL-L"\r\n'
        '"0195153448";"Classical Mythology";"M. P. O. Morford";"2002";"Oxford";"http://i.test/s";"http://i.test/m";"http://i.test/l"\r\n'
        '"034545104X";"Peterman \\"Rides\\"; Again";"Andr\xe9 Gide";"0";"Gallimard";"";"";""\r\n'
        '"078946697X";"Creating the X-Men (Level 4)\\";Michael Teitelbaum";"2000";"DK Publishing Inc";"";"";""\r\n'
        '"0002005018";"Clara";"R. B. Wright";"2001";"Harper";"";"";""\r\n'
        '"0002005019";"Never closed;"A";"2001";"H";"";"";""\r\n'
    ),
    "BX-Book-Ratings.csv": (
        '"User-ID";"ISBN";"Book-Rating"\r\n"276725";"034545104X";"0"\r\n"276726";"0002005018";"7"\r\n'
    ),
    "BX-Users.csv": '"User-ID";"Location";"Age"\r\n"1";"n\xeemes, , france";NULL\r\n',
}


def lay_out(folder: Path, files: dict[str, str], encoding: str = "utf-8") -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        data = content.encode(encoding)
        (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder


def faults(rejects: RejectLog) -> list[tuple[str, int, str, str]]:
    return [(r["source"], r["row"], r["field"], r["reason"]) for r in rejects.table().to_pylist()]


def test_goodbooks(tmp_path: Path) -> None:
    source = open_folder(lay_out(tmp_path / "good", GOODBOOKS))
    rejects = RejectLog()
    books, interactions = source.books(rejects), source.interactions(rejects)
    assert (source.kind, source.name, source.rating_scale) == ("goodbooks", "good", "1-5")
    assert (source.order, source.simulated_readers) == (None, False)
    assert tuple(books.columns) == BOOK_COLUMNS
    assert set(INTERACTION_COLUMNS) <= set(interactions.columns)
    dune, odyssey, beowulf = books.to_dict("records")
    assert dune == {
        "book_id": "1",
        "title": "Dune",
        "authors": ["Frank Herbert"],
        "year": 1965.0,
        "genres": ["science-fiction", "classics"],
        "series": "Dune Chronicles",
        "series_position": 1.0,
        "description": "Spice. Sand & worms.",
        "image_url": "https://covers.test/1.jpg",
        "average_rating": 4.19,
        "n_ratings": 494849.0,
        "isbns": ["9780441172719"],
        "other_titles": [],
    }
    assert (odyssey["authors"], odyssey["year"], odyssey["genres"]) == (["Homer", "Emily Wilson"], -750.0, [])
    assert (beowulf["description"], beowulf["image_url"]) == (None, None)
    assert math.isnan(beowulf["year"])
    assert list(interactions[["user_id", "book_id", "value", "time"]].itertuples(index=False, name=None)) == [
        ("7", "1", 5.0, 1.0),
        ("8", "2", 4.0, 2.0),
        ("8", "1", 2.0, 4.0),
    ]
    assert faults(rejects) == [
        ("books.csv", 4, "title", "title is missing"),
        ("ratings.csv", 5, "rating", "rating is missing"),
        ("ratings.csv", 3, "rating", "rating is outside 1-5"),
    ]


def test_goodbooks_without_genres_and_descriptions_compressed_or_as_parquet_is_the_same(tmp_path: Path) -> None:
    plain = lay_out(tmp_path / "plain", {name: GOODBOOKS[name] for name in ("books.csv", "ratings.csv")})
    packed = lay_out(tmp_path / "packed", {"Books.CSV.gz": GOODBOOKS["books.csv"]})
    ratings = GOODBOOKS["ratings.csv"].removesuffix("9,1\n")
    lay_out(tmp_path, {"ratings.csv": ratings})
    pq.write_table(pyarrow_csv.read_csv(tmp_path / "ratings.csv"), packed / "ratings.parquet")
    results = [
        (open_folder(folder).books(RejectLog()), open_folder(folder).interactions(RejectLog()))
        for folder in (plain, packed)
    ]
    assert results[0][0].equals(results[1][0])
    columns = ["value", "time", "row"]
    assert results[0][1][columns].equals(results[1][1][columns])
    assert results[0][1]["user_id"].tolist() == results[1][1]["user_id"].tolist()


def test_book_crossing_from_kaggle(tmp_path: Path) -> None:
    source = open_folder(lay_out(tmp_path / "bx", BOOK_CROSSING_KAGGLE))
    rejects = RejectLog()
    books, interactions = source.books(rejects), source.interactions(rejects)
    assert (source.kind, source.rating_scale, source.order) == ("book-crossing", "1-10", "none")
    assert books["book_id"].tolist() == ["0195153448", "034545104X", "0002005018"]
    assert books["title"].tolist() == ["Classical Mythology", "Flesh Tones: A Novel", 'Clara & Sons, a "Tale"']
    assert books["authors"].tolist() == [["Mark P. O. Morford"], ["M. J. Rose"], ["R. B. Wright"]]
    assert books["year"].fillna(0).tolist() == [2002, 0, 0]
    assert books["image_url"].tolist() == ["http://i.test/l", None, None]
    assert books["average_rating"].isna().all()
    assert interactions["kind"].tolist() == ["read", "rating", "rating", "rating"]
    assert interactions["value"].fillna(-1).tolist() == [-1, 5.0, 1.0, 1 + 7 * 4 / 9]
    assert faults(rejects) == [
        ("Books.csv", 5, "row", "fewer fields than the header"),
        ("Books.csv", 3, "Year-Of-Publication", "year is in the future; left empty"),
        ("Books.csv", 4, "Year-Of-Publication", "not a year: the row is shifted"),
        ("Ratings.csv", 5, "Book-Rating", "rating is outside 1-10"),
    ]


def test_a_book_whose_year_is_unreadable_is_kept_unless_its_row_is_shifted(tmp_path: Path) -> None:
    books = BOOK_CROSSING_KAGGLE["Books.csv"].replace("Morford,2002,", "Morford,abc,")
    source = open_folder(lay_out(tmp_path / "bx", BOOK_CROSSING_KAGGLE | {"Books.csv": books}))
    rejects = RejectLog()
    kept = source.books(rejects)
    assert kept["book_id"].tolist() == ["0195153448", "034545104X", "0002005018"]
    assert kept["year"].isna().all()
    assert ("Books.csv", 1, "Year-Of-Publication", "not a year; left empty") in faults(rejects)
    assert ("Books.csv", 4, "Year-Of-Publication", "not a year: the row is shifted") in faults(rejects)


def test_book_crossing_as_first_published(tmp_path: Path) -> None:
    source = open_folder(lay_out(tmp_path / "bx", BOOK_CROSSING_ORIGINAL, "latin-1"))
    rejects = RejectLog()
    books, interactions = source.books(rejects), source.interactions(rejects)
    assert source.kind == "book-crossing"
    assert books[["book_id", "title"]].to_numpy().tolist() == [
        ["0195153448", "Classical Mythology"],
        ["034545104X", 'Peterman "Rides"; Again'],
        ["0002005018", "Clara"],
    ]
    assert books["authors"].tolist()[1] == ["André Gide"]
    assert interactions["book_id"].tolist() == ["034545104X", "0002005018"]
    assert [(file, row) for file, row, _, _ in faults(rejects)] == [("BX-Books.csv", 3), ("BX-Books.csv", 5)]


def test_book_crossing_with_underscores(tmp_path: Path) -> None:
    def underscored(files: dict[str, str]) -> dict[str, str]:
        return {
            name.replace("-", "_"): "\n".join(
                [content.splitlines()[0].replace("-", "_").lower(), *content.splitlines()[1:]]
            )
            for name, content in files.items()
        }

    for i, files in enumerate((BOOK_CROSSING_KAGGLE, BOOK_CROSSING_ORIGINAL)):
        one = open_folder(lay_out(tmp_path / f"{i}a", files, "latin-1"))
        other = open_folder(lay_out(tmp_path / f"{i}b", underscored(files), "latin-1"))
        assert one.books(RejectLog()).equals(other.books(RejectLog()))
        assert one.interactions(RejectLog())["value"].equals(other.interactions(RejectLog())["value"])


def test_files_of_other_names_are_taken_when_their_columns_say_what_they_are(tmp_path: Path) -> None:
    files = {"catalogue.csv": GOODBOOKS["books.csv"], "stars.csv": GOODBOOKS["ratings.csv"]}
    source = open_folder(lay_out(tmp_path / "own", files))
    assert source.kind == "goodbooks"
    assert len(source.books(RejectLog())) == 3


@pytest.mark.parametrize(
    ("file", "column"),
    [("ratings.csv", "rating"), ("ratings.csv", "user_id"), ("books.csv", "title"), ("genres.csv", "genres")],
)
def test_a_missing_column_is_named_with_its_file_and_what_is_there(tmp_path: Path, file: str, column: str) -> None:
    header = GOODBOOKS[file].split("\n")[0].split(",")
    renamed = ",".join("other" if name == column else name for name in header)
    files = {**GOODBOOKS, file: GOODBOOKS[file].replace(",".join(header), renamed, 1)}
    with pytest.raises(SourceError) as raised:
        open_folder(lay_out(tmp_path / "x", files))
    assert f"{file} has no column {column!r}" in raised.value.what
    assert renamed.replace(",", ", ") in raised.value.what


def test_an_unknown_folder_is_refused_with_what_was_found_and_what_is_wanted(tmp_path: Path) -> None:
    lay_out(tmp_path / "x", {"films.csv": "film,stars\n1,2\n", "empty.csv": "", "notes.txt": "hello"})
    with pytest.raises(SourceError) as raised:
        open_folder(tmp_path / "x")
    for word in ("films.csv (film, stars)", "empty.csv is empty", "goodbooks-10k: books (book_id, title)", "isbn"):
        assert word in raised.value.what
    assert "nightshelf.toml" in str(raised.value.hint)


def test_an_empty_folder_and_none_at_all_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no \.csv, .*\.parquet file among notes\.txt"):
        open_folder(lay_out(tmp_path / "x", {"notes.txt": ""}))
    with pytest.raises(SourceError, match="There is no folder"):
        open_folder(tmp_path / "nowhere")


def test_two_files_for_one_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"Both books\.csv and books\.csv\.gz"):
        open_folder(lay_out(tmp_path / "x", {**GOODBOOKS, "books.csv.gz": GOODBOOKS["books.csv"]}))


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    files = {"books.csv": BOOK_CROSSING_KAGGLE["Books.csv"], "loans.csv": "user_id,isbn\n1,2\n"}
    with pytest.raises(SourceError, match=r"looks like Book-Crossing.* no table of ratings .*book_rating"):
        open_folder(lay_out(tmp_path / "x", files))


def test_the_real_goodbooks_is_read_without_a_single_reject() -> None:
    folder = Path(os.environ.get("NIGHTSHELF_DATASETS", "../shared/data")) / "goodbooks-10k"
    if not folder.is_dir():
        pytest.skip(f"goodbooks-10k is not at {folder} (set NIGHTSHELF_DATASETS)")
    rejects = RejectLog()
    source = open_folder(folder)
    books, interactions = source.books(rejects), source.interactions(rejects)
    assert (len(books), len(interactions), rejects.total) == (10_000, 298_176, 0)
    assert books["description"].notna().sum() == 4_813
    assert books["genres"].map(len).min() > 0
    hobbit = books[books["title"] == "The Hobbit"].iloc[0]
    assert (hobbit["year"], hobbit["authors"][0]) == (1937.0, "J.R.R. Tolkien")
