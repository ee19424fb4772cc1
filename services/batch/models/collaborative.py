"""The collaborative artifact: top-N lists of unseen books for every user, from factors.

Files, in a folder made by the caller:

- `item_factors.npy`: float32, (n_books, rank). Rows of books without positive interactions are zero.
- `fold_in_factors.npy`: float32, (n_books, rank). The sum over a user's newest positive books, the r-th weighted by
  `history_decay`^r, is the user's factor. It gives a list to users without a nightly list.
- `item_transitions.numbers.npy`, `item_transitions.scores.npy`: see `shared.artifacts.item_transitions`; active books
  only.
- `trending.numbers.npy`, `trending.scores.npy`: see `services.batch.models.trending`; active books only.
- `users.json`: ids of the users with a list, in row order.
- `lists.numbers.npy`: int32, (n_users, list_length), item indexes, best first, padded with -1.
- `lists.scores.npy`: float32, (n_users, list_length), their scores, padded with -inf.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, load_npz

from services.batch.models.item_transitions import without_withdrawn
from services.batch.models.top_n import TopNBlock, top_n
from services.batch.runtime.artifact_builder import Metadata
from services.batch.runtime.context import RunContext
from services.batch.runtime.progress import Progress
from services.batch.runtime.threads import bound_threads
from shared.artifacts.generation import read_artifact
from shared.artifacts.item_transitions import FILES as ITEM_TRANSITIONS
from shared.artifacts.item_transitions import TRENDING_FILES as TRENDING
from shared.deprecated import existing_file

_LISTS = ("lists.numbers.npy", "lists.scores.npy")
_FACTORS = ("item_factors.npy", "fold_in_factors.npy")


def build_collaborative(
    folder: Path,
    factors: Path,
    active: NDArray[np.bool_],
    context: RunContext,
) -> Metadata:
    """Write the collaborative artifact; returns its metadata.

    A user with at least one positive book and at least one unseen book gets a list. Lists contain only active, unseen
    books with factors.

    Args:
        folder: an existing folder.
        factors: a finished folder of `services.batch.models.factors`; it may have fewer books than the catalogue.
        active: bool, (n_books,): whether the source has the book now.
        context: of the run.
    """
    for name in _FACTORS:
        os.link(factors / name, folder / name)
    _save_item_transitions(folder, factors, active)
    user_factors = np.load(factors / "user_factors.npy", mmap_mode="r")
    item_factors = np.load(factors / "item_factors.npy", mmap_mode="r")
    seen = csr_matrix(load_npz(factors / "seen.npz"))
    users = np.asarray(orjson.loads((factors / "users.json").read_bytes()), object)
    allowed = active[: len(item_factors)] & item_factors.any(axis=1)
    listed = _with_a_list(user_factors, seen, allowed)
    (folder / "users.json").write_bytes(orjson.dumps(users[listed].tolist()))
    list_length = context.settings.collaborative.list_length
    with bound_threads(context.threads) as threads:
        blocks = top_n(
            user_factors[listed], item_factors, seen[listed], n=list_length, allowed=allowed, threads=threads
        )
        _write_lists(folder, blocks, n_users=len(listed), list_length=list_length, progress=context.progress)
    return {
        **read_artifact(factors).metadata,
        "n_users_listed": len(listed),
        "n_books_listable": int(allowed.sum()),
        "list_length": list_length,
    }


def names_withdrawn(artifact: Path, active: NDArray[np.bool_]) -> bool:
    """Whether a list of this artifact contains an inactive book."""
    paths = [existing_file(artifact, name) for name in (_LISTS[0], ITEM_TRANSITIONS[0], TRENDING[0])]
    withdrawn = np.flatnonzero(~active)
    return any(np.isin(np.load(path, mmap_mode="r"), withdrawn).any() for path in paths if path.exists())


def build_without_withdrawn(folder: Path, artifact: Path, active: NDArray[np.bool_]) -> Metadata:
    """Copy a collaborative artifact without its inactive books.

    For runs that ingest books but do not factor. Returns the metadata of the original artifact.

    Args:
        folder: an existing folder.
        artifact: the finished artifact.
        active: bool, (n_books,): whether the source has the book now.
    """
    for name in (*_FACTORS, "users.json"):
        os.link(artifact / name, folder / name)
    _save_item_transitions(folder, artifact, active)
    lists = without_withdrawn(active, -np.inf, *(np.load(artifact / name) for name in _LISTS))
    for name, array in zip(_LISTS, lists, strict=True):
        np.save(folder / name, array)
    return read_artifact(artifact).metadata


def _save_item_transitions(folder: Path, made: Path, active: NDArray[np.bool_]) -> None:
    if not existing_file(made, ITEM_TRANSITIONS[0]).exists():
        return  # an artifact of an earlier version has none
    item_transitions = without_withdrawn(active, 0, *(np.load(existing_file(made, name)) for name in ITEM_TRANSITIONS))
    for name, array in zip(ITEM_TRANSITIONS, item_transitions, strict=True):
        np.save(folder / name, array)
    item_index, scores = (np.load(existing_file(made, name)) for name in TRENDING)
    for name, array in zip(TRENDING, (item_index[active[item_index]], scores[active[item_index]]), strict=True):
        np.save(folder / name, array)


def _with_a_list(user_factors: NDArray[np.float32], seen: csr_matrix, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows of users who have factors and at least one unseen allowed book."""
    n_seen = seen @ allowed.astype(np.int64)
    rows: NDArray[np.int64] = np.flatnonzero(user_factors.any(axis=1) & (n_seen < allowed.sum()))
    return rows


def _write_lists(
    folder: Path, blocks: Iterator[TopNBlock], *, n_users: int, list_length: int, progress: Progress
) -> None:
    """Write the ordered blocks to the two lists files, in bounded memory.

    No memory map: the process would be killed if the disk is full.
    """
    with (
        (folder / _LISTS[0]).open("wb") as books_file,
        (folder / _LISTS[1]).open("wb") as scores_file,
        progress.task("Listing books for users", n_users) as advance,
    ):
        for file, dtype in ((books_file, np.int32), (scores_file, np.float32)):
            header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (n_users, list_length)}
            np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            books_file.write(np.ascontiguousarray(block.item_index, np.int32).data)
            scores_file.write(np.ascontiguousarray(block.scores, np.float32).data)
            advance(len(block.item_index))
