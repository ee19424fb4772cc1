"""The command as a person meets it: what each says when all is well, and when it is not."""

from __future__ import annotations

import json
import re

import pytest
import typer
from rich.cells import cell_len

from services.batch.night.step_table import STEP_NAMES
from services.cli import main as cli
from tests.servers.server import READER, copy_of

pytestmark = pytest.mark.slow
WIDTH = 80
GENERATION = r"\d{8}T\d{12}Z-[0-9a-f]{6}"


def fits(text):
    """No line is wider than the terminal, and none was cut to make it so."""
    return "…" not in re.sub(r"^.* …$", "", text, flags=re.MULTILINE) and all(
        cell_len(line) <= WIDTH for line in text.splitlines()
    )


def value_of(screen, name):
    """What a summary says of something."""
    [value] = re.findall(rf"^  {name} {{2,}}(\S+(?: \S+)*)", screen, re.MULTILINE)
    return value


def every_command(group, path=()):
    """All commands and groups with the words that lead to them."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from every_command(command, (*path, name))


COMMANDS = dict(every_command(typer.main.get_command(cli.app)))


def test_all_commands_are_there():
    assert {" ".join(path) for path in COMMANDS} == {
        "", "demo", "generate", "ingest", "nightly", "serve", "recommend", "similar", "doctor", "generations",
        "generations list", "generations show", "generations rollback", "generations collect",
        "consume-kafka", "evaluate", "tune", "step", "step ingest", "step embed", "step factor", "step top-n",
        "step index", "step evaluate", "step gate", "step publish", "step collect", "step store-events", "step release",
    }  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_says_what_a_command_and_each_of_its_options_is_for(nightshelf, path):
    said = nightshelf(*path, "--help")
    assert said.code == 0
    assert fits(said.out)
    words = " ".join(said.out.replace("│", " ").split())
    assert " ".join(COMMANDS[path].help.split()) in words
    for option in COMMANDS[path].params:
        assert option.help, f"{option.name} is not explained"
        assert option.help.split()[0] in words


def test_no_command_is_a_question_for_help(nightshelf):
    said = nightshelf()
    assert "Commands" in said.out + said.err


def test_synthetic_data_goes_through_nights_and_back(nightshelf, tmp_path):
    source, data = tmp_path / "source", tmp_path / "data"
    made = nightshelf("generate", "--out", source, "--books", 60, "--users", 50, "--ratings-per-user", 8, "--seed", 3)
    assert made.code == 0
    assert value_of(made.out, "books") == "60"
    assert value_of(made.out, "users") == "50"

    taken = nightshelf("ingest", "--source", source, "--data-dir", data)
    assert taken.code == 0, taken.err
    assert fits(taken.out)
    assert value_of(taken.out, "books") == "60"
    assert re.fullmatch(r"[0-9a-f]{16}", value_of(taken.out, "snapshot"))
    again = nightshelf("ingest", "--source", source, "--data-dir", data)
    assert value_of(again.out, "snapshot") == value_of(taken.out, "snapshot") + ", unchanged"
    assert "Nothing has been published yet" in nightshelf("generations", "list", "--data-dir", data).out

    night = nightshelf("nightly", "--source", source, "--data-dir", data)
    assert night.code == 0, night.err
    assert fits(night.out)
    for step in STEP_NAMES:
        assert re.search(rf"\d+/{len(STEP_NAMES)} {step}$", night.out, re.MULTILINE), "each step is announced"
        assert re.search(rf"  {step} +\d+\.\d *$", night.out, re.MULTILINE), "and its seconds are told"
    assert value_of(night.out, "books embedded") == "60"
    assert re.search(rf"generation +{GENERATION}, published", night.out)

    second = nightshelf("nightly", "--data-dir", data)
    assert second.code == 0
    assert value_of(second.out, "books embedded") == "0"
    assert value_of(second.out, "books reused") == "60"
    reused = re.search(r"artifacts reused ((?:\w+, )*\w+)", " ".join(second.out.split()))
    assert sorted(reused[1].split(", ")) == ["catalog", "collaborative", "content", "popularity"]
    assert re.search(rf"generation {GENERATION}, served already", " ".join(second.out.split()))


def test_rejected_rows_are_told_with_their_reasons(nightshelf, tmp_path):
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "books.csv").write_text("book_id,title\n1,One\n2,Two\n3,\n")
    (shelf / "ratings.csv").write_text("user_id,book_id,rating\nu,1,5\nv,2,4\nu,9,3\nv,1,77\n")
    said = nightshelf("ingest", "--source", shelf, "--data-dir", tmp_path / "data")
    assert said.code == 0, said.err
    assert value_of(said.out, "rows rejected") == "3"
    assert value_of(said.out, "unknown book") == "1"
    assert "rejects.parquet" in said.out.replace("\n", "")
    assert fits(said.out)
    said_in_a_line = " ".join(said.out.split())
    assert "2 of 3 interactions found their book." in said_in_a_line
    assert "rating scale: 1-5 rating_scale = [1, 5]" in said_in_a_line


def test_a_first_night_of_no_use_is_refused_until_somebody_says_why_not(nightshelf, tmp_path):
    """Ratings that refer to another column than the one they are joined by."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "books.csv").write_text("book_id,title,shop\n" + "".join(f"{i},Title {i},s{i}\n" for i in range(9)))
    (shelf / "ratings.csv").write_text(
        "user_id,book_id,rating\n" + "".join(f"u{i % 3},s{i},4\n" for i in range(9)) + "u,1,5\n"
    )
    refused = nightshelf("nightly", "--source", shelf, "--data-dir", tmp_path / "data")
    assert refused.code == 3
    words = " ".join(refused.err.split())
    assert "9 of 10 interactions find no book" in words
    assert "'book_id' of the interactions with 'shop' of the books (9 of 10 find a book)" in words
    assert "Nothing has been published yet" in nightshelf("generations", "list", "--data-dir", tmp_path / "data").out
    (shelf / "nightshelf.toml").write_text('books_id = "shop"')
    assert nightshelf("ingest", "--source", shelf, "--data-dir", tmp_path / "data").code == 0


def test_recommend_shows_books_with_their_reasons(nightshelf, demo):
    said = nightshelf("recommend", READER, "--data-dir", demo, "--limit", 4)
    assert said.code == 0, said.err
    assert fits(said.out)
    assert f"For {READER}: hybrid, simulated readers" in said.out
    assert "because of" in said.out
    assert re.findall(r"^ +(\d) ", said.out, re.MULTILINE) == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    "user", ["nobody", "[/red]", "[bold]x", "\N{CAT FACE}" * 30], ids=["plain", "closing", "bold", "cats"]
)
def test_a_stranger_of_any_name_is_shown_popular_books(nightshelf, demo, user):
    said = nightshelf("recommend", user, "--data-dir", demo, "--limit", 3)
    assert said.code == 0, said.err
    assert said.out.replace("\n", "").replace(" ", "").startswith(f"For{user}:popular")


def test_similar_shows_neighbours_and_the_environment_names_the_folder(nightshelf, demo, monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_DATA_DIR", str(demo))
    said = nightshelf("similar", "the HOBBIT!")
    assert said.code == 0, said.err
    assert fits(said.out)
    assert "Like The Hobbit by J.R.R. Tolkien" in said.out
    assert "The Fellowship of the Ring" in said.out
    assert not re.search(r"^ The Hobbit", said.out, re.MULTILINE)
    elsewhere = nightshelf("similar", "the hobbit", "--data-dir", demo.parent / "elsewhere")
    assert elsewhere.code == 1, "an option wins over the environment"


def test_a_title_nobody_has_brings_suggestions(nightshelf, demo):
    said = nightshelf("similar", "hary poter", "--data-dir", demo)
    assert said.code == 1
    lines = said.out.splitlines()
    assert lines[0] == "No book is called 'hary poter'. Did you mean:"
    assert lines[1].startswith("  Harry Potter and the ")
    assert 1 < len(lines) <= 8
    nothing = nightshelf("similar", "[/qqqqzzzzxxxx]", "--data-dir", demo)
    assert nothing.code == 1
    assert "No similar title was found" in nothing.out


def test_generations_are_listed_shown_rolled_back_and_collected(nightshelf, demo, tmp_path, monkeypatch):
    data = copy_of(demo, tmp_path / "data")
    monkeypatch.setenv("NIGHTSHELF_DATA_DIR", str(data))
    [first] = re.findall(GENERATION, nightshelf("generations", "list").out)
    monkeypatch.setenv("NIGHTSHELF_COLLABORATIVE__LIST_LENGTH", "90")
    assert nightshelf("nightly").code == 0
    listed = nightshelf("generations", "list")
    assert fits(listed.out)
    second, *others = re.findall(GENERATION, listed.out)
    assert others == [first], "newest first"
    assert re.search(rf"{second} .* served *$", listed.out, re.MULTILINE)
    assert re.search(rf"{first} .* published *$", listed.out, re.MULTILINE)

    shown = nightshelf("generations", "show", second)
    assert json.loads(shown.out)["id"] == second
    compared = " ".join(shown.err.split())
    assert f"compared with generation {first} of 'demo', without events: books 828 against 828" in compared

    back = nightshelf("generations", "rollback")
    assert back.code == 0, back.err
    assert f"Serving {first} again" in back.out
    assert re.search(rf"{first} .* served *$", nightshelf("generations", "list").out, re.MULTILINE)
    forth = nightshelf("generations", "rollback", "--to", second)
    assert f"Serving {second} again" in forth.out

    monkeypatch.setenv("NIGHTSHELF_COLLABORATIVE__LIST_LENGTH", "80")
    assert nightshelf("nightly").code == 0
    young = nightshelf("generations", "collect")
    assert value_of(young.out, "generations") == "0", "the young are spared"
    collected = nightshelf("generations", "collect", "--grace-hours", 0)
    assert value_of(collected.out, "generations") == "1"
    left = re.findall(GENERATION, nightshelf("generations", "list").out)
    assert first not in left
    assert second in left
    assert len(left) == 2
