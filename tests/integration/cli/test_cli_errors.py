"""What the command says when something cannot be done."""

from __future__ import annotations

import re
import shutil
import socket

import pytest

from docs.reference.commands_page import commands
from services.batch.runtime.lease import only_run
from shared.layout import DataFolder
from tests.servers.server import READER, copy_of

GENERATION = r"\d{8}T\d{12}Z-[0-9a-f]{6}"


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
        (("nightly",), "nothing to ingest: no source"),
        (("ingest",), "nothing to ingest: no source"),
        (("ingest", "--source", "{tmp}/nowhere"), "There is no folder"),
        (("nightly", "--source", "{tmp}"), "has no format that Nightshelf knows"),
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
    assert "popular, Redis unavailable" in said.out


def test_two_runs_do_not_meet(nightshelf, tmp_path):
    with only_run(DataFolder(tmp_path), lease_minutes=60):
        for command in (("ingest",), ("nightly",), ("generations", "rollback"), ("generations", "collect")):
            assert "Another run is active" in refusal(nightshelf(*command, "--data-dir", tmp_path), code=75)


def test_a_setting_that_is_not_allowed_is_named(nightshelf, tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_COLLABORATIVE__RANK", "1")
    said = nightshelf("generations", "list", "--data-dir", tmp_path)
    assert "NIGHTSHELF_COLLABORATIVE__RANK = '1'" in refusal(said)


@pytest.mark.parametrize("name", dict(commands()))
def test_every_command_refuses_a_variable_that_is_no_setting(nightshelf, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIGHTSHELF_CONTENT__TRIBES", "8")
    needed = [parameter for parameter in dict(commands())[name].params if parameter.required]
    options = [
        word for one in needed for word in (*one.opts[:1], "x") if one.param_type_name == "option" or word == "x"
    ]
    assert "NIGHTSHELF_CONTENT__TRIBES is now" in refusal(nightshelf(*name.split()[1:], *options))
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_that_is_a_file_is_told(nightshelf, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    assert "data folder cannot be created" in refusal(nightshelf("ingest", "--data-dir", tmp_path / "file"))


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
