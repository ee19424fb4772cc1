"""The command as a person meets it: what each says when all is well, and when it is not."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import sys
from dataclasses import dataclass

import pytest
import typer
from rich.cells import cell_len

from services.batch.night.step_table import STEP_NAMES
from services.batch.runtime.lease import only_run
from services.cli import main as cli
from services.cli import options
from shared.layout import DataFolder
from tests.servers.server import READER, copy_of, demo_folder, free_port

pytestmark = pytest.mark.slow
WIDTH = 80
GENERATION = r"\d{8}T\d{12}Z-[0-9a-f]{6}"


@dataclass
class Said:
    """What one command said, and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def nightshelf(monkeypatch, capsys):
    """Run a command in this process as the shell would, in a terminal of 80 columns.

    What would serve gets a port of its own: on the usual one somebody may be serving while the tests run.
    """
    for name in ("NIGHTSHELF_DATA_DIR", "NIGHTSHELF_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    for console in (options.out, options.err):
        monkeypatch.setattr(console, "width", WIDTH)
    terminated = signal.getsignal(signal.SIGTERM)

    def run(*arguments):
        if arguments[:1] in {("serve",), ("demo",)} and "--port" not in arguments:
            arguments = (*arguments, "--port", free_port())
        monkeypatch.setattr(sys, "argv", ["nightshelf", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    yield run
    signal.signal(signal.SIGTERM, terminated)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo's data folder."""
    return copy_of(demo_folder(tmp_path_factory.getbasetemp()), tmp_path_factory.mktemp("cli") / "data")


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
    assert re.search(r"artifacts reused +collaborative, catalog, content, popularity", second.out)
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
    assert "Nothing like it was found" in nothing.out


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


@pytest.fixture
def busy_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def refusal(said, code=1):
    """The first line of an error that is told as it should be: what is wrong, what to do, and nothing else."""
    assert said.code == code
    first, *more = said.err.splitlines()
    assert first.startswith("Error: ")
    assert any(line.startswith("  what to do: ") for line in more), said.err
    assert all(line.startswith(("  what to do: ", "  where: ")) for line in more), said.err
    assert "Traceback" not in said.out + said.err
    return first


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("nightly",), "nothing to ingest from"),
        (("ingest",), "nothing to ingest from"),
        (("ingest", "--source", "{tmp}/nowhere"), "There is no folder"),
        (("nightly", "--source", "{tmp}"), "in no format Nightshelf knows"),
        (("recommend", "u"), "Nothing has been published yet"),
        (("similar", "x"), "Nothing has been published yet"),
        (("serve",), "No Redis is configured"),
        (("generations", "show", "nope"), "no generation 'nope'"),
        (("generations", "rollback", "--to", "nope"), "no generation 'nope'"),
        (("generations", "rollback"), "no earlier generation"),
        (("generate", "--out", "{tmp}"), "not empty"),
        (("generate", "--out", "{tmp}/new", "--books", "1"), "1 is not possible here"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_told_in_one_clear_line(nightshelf, tmp_path, monkeypatch, arguments, what):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("NIGHTSHELF_DATA_DIR", str(tmp_path / "data"))
    assert what in refusal(nightshelf(*(word.format(tmp=tmp_path) for word in arguments)))


@pytest.mark.parametrize("command", [("serve", "--embedded"), ("demo",)])
def test_a_busy_port_is_found_out_before_any_work(nightshelf, tmp_path, busy_port, command):
    said = nightshelf(*command, "--data-dir", tmp_path / "data", "--port", busy_port)
    assert f"Cannot listen on 127.0.0.1:{busy_port}" in refusal(said)
    assert not (tmp_path / "data").exists()


def test_a_redis_that_is_not_there_is_named(nightshelf, tmp_path, monkeypatch):
    url = f"unix://{tmp_path}/nobody.sock"
    monkeypatch.setenv("NIGHTSHELF_REDIS_URL", url)
    for command in (("nightly",), ("ingest",), ("generations", "list"), ("generations", "collect")):
        assert url in refusal(nightshelf(*command, "--data-dir", tmp_path))


@pytest.mark.parametrize("command", [("nightly",), ("recommend", "u"), ("serve",)])
def test_a_redis_url_that_is_none_is_told(nightshelf, tmp_path, monkeypatch, command):
    monkeypatch.setenv("NIGHTSHELF_REDIS_URL", "localhost:6379")
    assert "'localhost:6379' is not a Redis URL" in refusal(nightshelf(*command, "--data-dir", tmp_path))


def test_recommend_without_redis_is_popular_and_says_so(nightshelf, demo, tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_REDIS_URL", f"unix://{tmp_path}/nobody.sock")
    said = nightshelf("recommend", READER, "--data-dir", demo)
    assert said.code == 0
    assert "popular, Redis away" in said.out


def test_two_runs_do_not_meet(nightshelf, tmp_path):
    with only_run(DataFolder(tmp_path), lease_minutes=60):
        for command in (("ingest",), ("nightly",), ("generations", "rollback"), ("generations", "collect")):
            assert "Another run is active" in refusal(nightshelf(*command, "--data-dir", tmp_path), code=75)


def test_a_setting_that_is_not_allowed_is_named(nightshelf, tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_COLLABORATIVE__RANK", "1")
    said = nightshelf("generations", "list", "--data-dir", tmp_path)
    assert "NIGHTSHELF_COLLABORATIVE__RANK = '1'" in refusal(said)


def test_a_data_folder_that_is_a_file_is_told(nightshelf, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    assert "data folder cannot be made" in refusal(nightshelf("ingest", "--data-dir", tmp_path / "file"))


def test_a_failing_disk_is_told_without_a_traceback(nightshelf, demo, tmp_path):
    data = copy_of(demo, tmp_path / "data")
    shutil.rmtree(data / "snapshots")
    (data / "snapshots").write_text("in the way")
    assert "Error: " in refusal(nightshelf("ingest", "--data-dir", data))


def test_a_demo_does_not_bury_other_data(nightshelf, tmp_path):
    shelf, data = tmp_path / "shelf", tmp_path / "data"
    shelf.mkdir()
    (shelf / "books.csv").write_text("book_id,title\n1,One\n2,Two\n")
    (shelf / "ratings.csv").write_text("user_id,book_id,rating\nu,1,5\nv,2,4\n")
    assert nightshelf("ingest", "--source", shelf, "--data-dir", data).code == 0
    assert "holds 'shelf', not the demo" in refusal(nightshelf("demo", "--data-dir", data))


def test_a_damaged_generation_is_told_from_none(nightshelf, demo, tmp_path):
    data = copy_of(demo, tmp_path / "data")
    for path in (data / "artifacts").glob("content-*"):
        shutil.rmtree(path)
    said = nightshelf("recommend", READER, "--data-dir", data)
    assert said.code == 1
    assert re.search(rf"Error: The published generation {GENERATION} cannot be loaded", said.err)
    assert "Traceback" not in said.err


def test_words_that_are_no_command_or_option_are_a_question_of_usage(nightshelf):
    for arguments in (("sevre",), ("serve", "--prot", "1"), ("serve", "--port", "0"), ("recommend",)):
        said = nightshelf(*arguments)
        assert said.code == 2
        assert "Usage: nightshelf" in said.err
        assert "Traceback" not in said.err
