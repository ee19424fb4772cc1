"""The house check finds what breaks a rule, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.check_house import (
    MAX_FILE_LINES,
    MAX_FUNCTION_LINES,
    MAX_MODULES,
    Words,
    check,
    full_folders,
    long_file,
    long_functions,
    main,
    retired_words,
    word_parts,
)

WORDS = Words.read()
MODULE = Path("services/module.py")


def found(text: str, path: Path = MODULE) -> list[str]:
    return [str(violation) for violation in retired_words(path, text, WORDS)]


@pytest.mark.parametrize(
    "text",
    ["kin", "Kin:", "kin_weight", "n_companions", "CompanionSettings", "KinLists", "NIGHTSHELF_BLEND__KIN_WEIGHT",
     "the newcomer's list", "UNIVERSE", "made anew.", "`whoever`", "his opinions", "to be foreseen", "of-kin"],
)  # fmt: skip
def test_a_retired_word_is_found_in_words_and_identifiers(text):
    assert len(found(text)) == 1


@pytest.mark.parametrize(
    "text",
    ["asking", "kind", "skin", "KindOfBook", "n_kinds", "opinion", "renewed", "accompanied", "universal", "KING"],
)
def test_a_word_that_only_contains_one_is_not_found(text):
    assert found(text) == []


def test_every_word_of_the_table_is_found_and_named_with_its_replacement():
    for word, replacement in WORDS.replacements.items():
        (message,) = found(f"first line\nx_{word}")
        assert message == f"services/module.py:2: retired word {word!r}; use {replacement}"


def test_a_line_with_one_word_twice_is_one_violation():
    assert len(found("kin and kin")) == 1
    assert len(found("kin and newcomer")) == 2


@pytest.mark.parametrize(
    "path", ["CHANGELOG.md", "docs/decisions/0001-name.md", "shared/deprecated.py", "tests/upgrade/night/test_old.py"]
)
def test_excused_files_may_hold_them(path):
    assert found("kin", Path(path)) == []


@pytest.mark.parametrize("path", ["docs/decisions.md", "services/CHANGELOG.md", "shared/deprecated_names.py"])
def test_files_with_a_similar_name_may_not(path):
    assert len(found("kin", Path(path))) == 1


def test_identifiers_fall_into_their_parts():
    assert list(word_parts("HTTPServer2 read_nextBook MAX_Naïve")) == [
        "http", "server", "read", "next", "book", "max", "naïve",
    ]  # fmt: skip


def test_a_function_is_measured_from_def_to_its_last_line():
    body = "\n".join(["    pass"] * (MAX_FUNCTION_LINES - 1))
    for definition in ("def f():", "async def f():"):
        assert list(long_functions(MODULE, f"@first\n@second\n{definition}\n{body}\n")) == []
        (violation,) = long_functions(MODULE, f"@first\n@second\n{definition}\n{body}\n    pass\n")
        assert str(violation) == f"services/module.py:3: f has {MAX_FUNCTION_LINES + 1} lines; 50 are allowed"


def test_a_method_is_a_function():
    body = "\n".join(["        pass"] * MAX_FUNCTION_LINES)
    assert [violation.line for violation in long_functions(MODULE, f"class A:\n    def f(self):\n{body}\n")] == [2]


def test_a_file_has_a_bound():
    assert list(long_file(MODULE, "\n" * MAX_FILE_LINES)) == []
    (violation,) = long_file(MODULE, "\n" * (MAX_FILE_LINES + 1))
    assert violation.line == MAX_FILE_LINES + 1


def test_a_folder_has_a_bound():
    modules = [Path(f"shared/m{n}.py") for n in range(MAX_MODULES)]
    free = [Path("shared/__init__.py"), Path("shared/conftest.py"), Path("shared/room/m.py")]
    assert list(full_folders([*modules, *free])) == []
    (violation,) = full_folders([*modules, *free, Path("shared/one_more.py")])
    assert str(violation) == "shared: the folder has 16 modules; 15 are allowed"


def test_a_repository_is_walked(tmp_path, monkeypatch, capsys):
    for name, text in {
        "services/a.py": "kin = 1\n",
        "docs/guide.md": "asking\n",
        "docs/decisions/0001.md": "kin\n",
        "docker/settings.env": "KIN=1\n",
        "services/__pycache__/a.py": "kin = 1\n",
        "services/data.bin": "kin\n",
        "Makefile": "companions:\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [str(violation.path) for violation in check(tmp_path, WORDS)] == [
        "services/a.py", "docker/settings.env", "Makefile",
    ]  # fmt: skip
    assert main(tmp_path) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "retired word: 3"
    monkeypatch.chdir(tmp_path)
    for path in ("services/a.py", "docker/settings.env", "Makefile"):
        Path(path).unlink()
    assert main() == 0
    assert capsys.readouterr().out == ""
