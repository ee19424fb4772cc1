"""Artifacts are written atomically, reused if valid, and built again otherwise."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.batch.runtime import artifact_builder as artifacts
from services.batch.runtime.artifact_builder import artifact_id, build_artifact, remove_artifact
from shared.artifacts.generation import artifact_folder, sha256_of, verify_artifact
from shared.errors import ArtifactError
from shared.layout import DataFolder, write_durably

FILES = {"a.npy": b"numbers", "b.json": b'{"more": true}'}


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path)


class Builder:
    """Writes files and counts its calls."""

    def __init__(self, files=FILES):
        self.files = dict(files)
        self.n_built = 0

    def __call__(self, path):
        assert list(path.iterdir()) == [], "a builder gets an empty folder"
        self.n_built += 1
        for name, content in self.files.items():
            (path / name).write_bytes(content)
        return {"n_files": len(self.files), "kind": "test", "share": 0.5, "none": None}


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_a_part_is_its_files_and_a_manifest_that_says_what_they_are(folder):
    manifest, built = build_artifact(folder, "content", "0a", Builder())
    path = artifact_folder(folder, "content", "0a")
    assert built
    assert {name: content for name, content in contents(path).items() if name != "artifact.json"} == FILES
    assert verify_artifact(path) == manifest
    assert (manifest.kind, manifest.id) == ("content", "0a")
    assert manifest.metadata == {"n_files": 2, "kind": "test", "share": 0.5, "none": None}
    assert {name: fact.sha256 for name, fact in manifest.files.items()} == {
        name: sha256_of(path / name) for name in FILES
    }
    assert {name: fact.n_bytes for name, fact in manifest.files.items()} == {"a.npy": 7, "b.json": 14}
    assert list(folder.staging.iterdir()) == []


def test_a_part_that_verifies_is_reused(folder):
    builder = Builder()
    first, _ = build_artifact(folder, "content", "0a", builder)
    again, built = build_artifact(folder, "content", "0a", builder)
    assert (again, built, builder.n_built) == (first, False, 1)


def test_another_id_or_kind_is_another_part(folder):
    builder = Builder()
    for kind, identity in (("content", "0a"), ("content", "0b"), ("catalog", "0a")):
        assert build_artifact(folder, kind, identity, builder)[1]
    assert sorted(path.name for path in folder.artifacts.iterdir()) == ["catalog-0a", "content-0a", "content-0b"]


def flip_a_byte(path):
    content = bytearray((path / "a.npy").read_bytes())
    content[3] ^= 1
    (path / "a.npy").write_bytes(content)


def cut_short(path):
    (path / "a.npy").write_bytes(FILES["a.npy"][:-1])


def lose_a_file(path):
    (path / "b.json").unlink()


def lose_the_manifest(path):
    (path / "artifact.json").unlink()


def spoil_the_manifest(path):
    (path / "artifact.json").write_text("{")


def come_from_another_time(path):
    artifact = json.loads((path / "artifact.json").read_text())
    (path / "artifact.json").write_text(json.dumps({**artifact, "format": 99}))


DAMAGE = {
    flip_a_byte: "a.npy of content-0a does not match its recorded checksum",
    cut_short: "a.npy of content-0a is missing or cut short",
    lose_a_file: "b.json of content-0a is missing or cut short",
    lose_the_manifest: "content-0a has no artifact.json",
    spoil_the_manifest: "artifact.json of content-0a is not readable",
    come_from_another_time: "content-0a has format 99",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_part_is_refused_and_built_again(folder, damage):
    builder = Builder()
    first, _ = build_artifact(folder, "content", "0a", builder)
    path = artifact_folder(folder, "content", "0a")
    damage(path)
    with pytest.raises(ArtifactError, match=DAMAGE[damage]):
        verify_artifact(path)
    again, built = build_artifact(folder, "content", "0a", builder)
    assert (again, built, builder.n_built) == (first, True, 2)
    assert verify_artifact(path) == first
    assert list(folder.staging.iterdir()) == []


class DeadError(Exception):
    """Simulates a dead process."""


def test_a_builder_that_fails_leaves_no_part_and_the_next_begins_afresh(folder):
    def die(path):
        (path / "half.npy").write_bytes(b"half")
        raise DeadError

    with pytest.raises(DeadError):
        build_artifact(folder, "content", "0a", die)
    assert not artifact_folder(folder, "content", "0a").exists()
    build_artifact(folder, "content", "0a", Builder())
    assert sorted(contents(artifact_folder(folder, "content", "0a"))) == ["a.npy", "artifact.json", "b.json"]


@pytest.mark.parametrize("moment", ["os.fsync", "sha256_of", "write_durably", "Path.rename"])
def test_a_part_is_not_there_before_it_is_whole_and_durable(folder, monkeypatch, moment):
    def die(*_arguments):
        raise DeadError

    with monkeypatch.context() as patch:
        if moment == "Path.rename":
            patch.setattr(Path, "rename", die)
        else:
            patch.setattr(f"services.batch.runtime.artifact_builder.{moment}", die)
        with pytest.raises(DeadError):
            build_artifact(folder, "content", "0a", Builder())
    assert not artifact_folder(folder, "content", "0a").exists()
    assert build_artifact(folder, "content", "0a", Builder())[1]


def test_every_file_is_on_disk_before_the_manifest_and_the_manifest_before_the_name(folder, monkeypatch):
    order = []
    fsync, write, rename = os.fsync, write_durably, Path.rename
    monkeypatch.setattr(
        "services.batch.runtime.artifact_builder.os.fsync", lambda file: (order.append("fsync"), fsync(file))
    )
    monkeypatch.setattr(artifacts, "write_durably", lambda path, text: (order.append("manifest"), write(path, text)))
    monkeypatch.setattr(Path, "rename", lambda path, to: (order.append("name"), rename(path, to)))
    monkeypatch.setattr(artifacts, "fsync_folder", lambda path: order.append(f"folder {path.name}"))
    build_artifact(folder, "content", "0a", Builder())
    assert order[:3] == ["fsync", "fsync", "manifest"]
    assert order[-2:] == ["name", "folder artifacts"]


def test_a_part_is_out_of_sight_before_it_is_deleted(folder, monkeypatch):
    build_artifact(folder, "content", "0a", Builder())
    path = artifact_folder(folder, "content", "0a")

    def die(path, **_options):
        if path.exists():
            raise DeadError

    with monkeypatch.context() as patch:
        patch.setattr("services.batch.runtime.artifact_builder.shutil.rmtree", die)
        with pytest.raises(DeadError):
            remove_artifact(folder, path)
    assert not path.exists()
    assert [left.name for left in folder.staging.iterdir()] == ["doomed-content-0a"]
    build_artifact(folder, "content", "0a", Builder())
    remove_artifact(folder, path)
    assert not path.exists()
    assert list(folder.staging.iterdir()) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True).filter(lambda name: name != "kind"), JSON))
def test_an_id_depends_on_what_goes_in_and_not_on_its_order(inputs):
    backwards = dict(reversed(inputs.items()))
    assert artifact_id("content", **inputs) == artifact_id("content", **backwards)
    assert artifact_id("content", **inputs) != artifact_id("catalog", **inputs)
    assert artifact_id("content", **inputs) != artifact_id("content", **inputs, another=1)


def test_write_durably_leaves_the_old_bytes_or_the_new_and_nothing_beside_them(tmp_path, monkeypatch):
    path = tmp_path / "new" / "pointer"
    write_durably(path, b"old")

    def die(*_arguments):
        raise DeadError

    for moment in ("shared.layout.os.fsync", "pathlib.Path.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(moment, die)
            with pytest.raises(DeadError):
                write_durably(path, b"new")
        assert contents(path.parent) == {"pointer": b"old"}
    write_durably(path, b"new")
    assert contents(path.parent) == {"pointer": b"new"}
