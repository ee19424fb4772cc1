"""Checks the house rules that no linter knows: small folders, files and functions, and no retired words.

Run by `make check`. Prints `file:line: message` for each violation and then how many there are of each kind; exits
with 1 if there are any. The words and the files excused from them are in `retired_words.toml`.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_MODULES, MAX_FILE_LINES, MAX_FUNCTION_LINES = 15, 300, 50
ROOMS = ("services", "shared", "dags", "benchmarks", "tests")
CODE = (*ROOMS, "docs")
TEXT = (*CODE, "docker")
SUFFIXES = {
    ".py", ".js", ".ts", ".css", ".html", ".md", ".toml", ".yml", ".yaml", ".sh", ".env", ".sql", ".conf", ".json",
    ".Dockerfile",
}  # fmt: skip
TOP_LEVEL = ("README.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml", "docker-compose.yml")
NOT_OURS = {"__pycache__", "node_modules"}
WORDS_FILE = Path(__file__).with_name("retired_words.toml")
_LETTERS = re.compile(r"[^\W\d_]+")
_CAMEL_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z]+")


@dataclass(frozen=True)
class Violation:
    """One broken rule, at one line of one file; a folder has no line."""

    rule: str
    path: Path
    line: int | None
    message: str

    def __str__(self) -> str:
        """As editors and terminals link it."""
        return f"{self.path}{'' if self.line is None else f':{self.line}'}: {self.message}"


@dataclass(frozen=True)
class Words:
    """Retired words in lower case, each with the word to use, and the paths (files or folders) excused from them."""

    replacements: dict[str, str]
    excused: tuple[str, ...]

    @classmethod
    def read(cls, path: Path = WORDS_FILE) -> Words:
        """The table of the repository."""
        table = tomllib.loads(path.read_text())
        return cls(table["words"], tuple(path for paths in table["excused"].values() for path in paths))

    def excuses(self, path: Path) -> bool:
        """Whether the file, relative to the repository, is excused or lies in an excused folder."""
        return any(path.is_relative_to(excused) for excused in self.excused)


def word_parts(line: str) -> Iterator[str]:
    """The words of a line and the parts of its identifiers, snake_case and CamelCase, in lower case."""
    for letters in _LETTERS.findall(line):
        for part in _CAMEL_PART.findall(letters):
            yield part.lower()


def retired_words(path: Path, text: str, words: Words) -> Iterator[Violation]:
    """Each line that holds a retired word, once for each word."""
    if words.excuses(path):
        return
    for number, line in enumerate(text.splitlines(), start=1):
        for word in sorted(words.replacements.keys() & set(word_parts(line))):
            yield Violation("retired word", path, number, f"retired word {word!r}; use {words.replacements[word]}")


def long_functions(path: Path, text: str) -> Iterator[Violation]:
    """Each function that is too long from its `def` to its last line; decorators do not count."""
    for node in ast.walk(ast.parse(text, str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            n_lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if n_lines > MAX_FUNCTION_LINES:
                message = f"{node.name} has {n_lines} lines; {MAX_FUNCTION_LINES} are allowed"
                yield Violation("long function", path, node.lineno, message)


def long_file(path: Path, text: str) -> Iterator[Violation]:
    """The file, if it is too long; names the first line that is too many."""
    if (n_lines := len(text.splitlines())) > MAX_FILE_LINES:
        message = f"the file has {n_lines} lines; {MAX_FILE_LINES} are allowed"
        yield Violation("long file", path, MAX_FILE_LINES + 1, message)


def full_folders(modules: Iterable[Path]) -> Iterator[Violation]:
    """Each folder that holds too many of these modules; `__init__.py` and `conftest.py` do not count."""
    counts = Counter(path.parent for path in modules if path.name not in {"__init__.py", "conftest.py"})
    for folder, n_modules in sorted(counts.items()):
        if n_modules > MAX_MODULES:
            message = f"the folder has {n_modules} modules; {MAX_MODULES} are allowed"
            yield Violation("full folder", folder, None, message)


def files_of(root: Path, folders: Iterable[str]) -> Iterator[Path]:
    """Our files in these folders of the repository, relative to it, in order."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            relative = path.relative_to(root)
            if path.is_file() and not NOT_OURS & set(relative.parts):
                yield relative


def check(root: Path, words: Words) -> Iterator[Violation]:
    """Everything that is wrong in the repository at `root`."""
    yield from full_folders(path for path in files_of(root, ROOMS) if path.suffix == ".py")
    for path in files_of(root, CODE):
        if path.suffix == ".py":
            text = (root / path).read_text()
            yield from long_file(path, text)
            yield from long_functions(path, text)
    top_level = (Path(name) for name in TOP_LEVEL if (root / name).is_file())
    texts = (path for path in files_of(root, TEXT) if path.suffix in SUFFIXES)
    for path in (*texts, *top_level):
        yield from retired_words(path, (root / path).read_text(), words)


def main(root: Path = Path()) -> int:
    """Print what is wrong; returns the exit code."""
    violations = list(check(root, Words.read()))
    for violation in violations:
        print(violation)
    for rule, n_violations in Counter(violation.rule for violation in violations).most_common():
        print(f"{rule}: {n_violations}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
