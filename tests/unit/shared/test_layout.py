"""Where everything lies, and writes that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.layout import DataFolder, write_durably


def test_no_two_purposes_share_a_path():
    folder = DataFolder(Path("data"))
    names = [name for name, member in vars(DataFolder).items() if isinstance(member, property)]
    paths = {getattr(folder, name) for name in names}
    assert len(paths) == len(names) >= 15
    assert {path.parent for path in paths} == {folder.root}


def test_the_best_report_is_the_full_one_then_that_of_the_night(tmp_path):
    folder = DataFolder(tmp_path)
    assert folder.best_report("g") is None
    for scope in ("night", "full"):
        page = folder.report("g", scope)
        assert page == folder.reports / "g" / f"{scope}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.touch()
        assert folder.best_report("g") == page


def test_a_file_is_replaced_in_a_folder_that_need_not_be_there(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    for content in (b"old and longer", b"new"):
        write_durably(path, content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_durably(path, b"old")

    def full(_descriptor):
        raise OSError(28, "disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
