"""The version of an artifact follows the source of what builds it."""

from __future__ import annotations

import importlib
import sys

import pytest

from services.batch.night import source_version
from services.batch.night.source_version import source_digest

SOURCE = {
    "build.py": "def build(path):\n    from services.made_up.model import fit\n    return fit(path)\n",
    "model.py": (
        '"""Fit."""\nfrom services.made_up import rule\n\ndef fit(path):\n    """Fit it."""\n    return rule.HALF * 2\n'
    ),
    "rule.py": "HALF = 0.5\n",
    "apart.py": "OTHER = 1\n",
}


@pytest.fixture
def version(tmp_path, monkeypatch):
    """The version of `build` in a package of the project's, with files changed."""
    import services

    folder = tmp_path / "made_up"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.setattr(services, "__path__", [*services.__path__, str(tmp_path)])

    def of(**changes):
        for name, text in SOURCE.items():
            (folder / name).write_text(changes.get(name.removesuffix(".py"), text))
        for name in [name for name in sys.modules if name.startswith("services.made_up")]:
            del sys.modules[name]
        for one in (source_version.source_version, source_version._module, source_version._is_module):
            one.cache_clear()
        importlib.invalidate_caches()
        source_version.inspect.linecache.clearcache()
        return source_version.source_version(importlib.import_module("services.made_up.build").build)

    return of


def test_it_changes_with_the_function_and_with_every_module_it_imports(version):
    versions = {
        version(),
        version(build=SOURCE["build.py"].replace("fit(path)", "fit(path) or 1")),
        version(model=SOURCE["model.py"].replace("* 2", "* 3")),
        version(rule="HALF = 0.25\n"),
    }
    assert len(versions) == 4


def test_comments_docstrings_layout_and_other_modules_do_not_change_it(version):
    before = version()
    assert version(model="# Words.\n" + SOURCE["model.py"].replace("Fit it.", "Fit the model.\n\n    Well.")) == before
    assert version(rule="HALF = (\n    0.5\n)\n") == before
    assert version(apart="OTHER = 2\n") == before
    assert version() == before


def test_a_string_that_is_no_docstring_counts():
    assert source_digest("def f():\n    return 'a'\n") != source_digest("def f():\n    return 'b'\n")
    assert source_digest("def f():\n    'a'\n    return 1\n") == source_digest("def f():\n    'b'\n    return 1\n")


def test_settings_errors_and_plumbing_do_not_count(version):
    text = "from shared.settings import Settings\nfrom shared.errors import NightshelfError\nHALF = 0.5\n"
    with_imports = version(rule=text)
    reached = source_version._module("services.made_up.rule")[1]
    assert reached == ()
    assert with_imports != version()
