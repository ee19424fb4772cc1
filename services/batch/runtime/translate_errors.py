"""What goes wrong under a run, whatever step it is in, said in plain words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from shared.errors import ArtifactError, StoreUnavailableError
from shared.layout import DataFolder

_WORDS_OF_A_FULL_DISK = ("No space left on device", "Not enough free space", " requested and ")


@contextmanager
def translate_errors(folder: DataFolder) -> Iterator[None]:
    """Say what happened when the ground is pulled away under a run: no Redis, no room."""
    try:
        yield
    except redis.RedisError as error:
        raise StoreUnavailableError(
            f"Redis failed during the run: {error}", hint="See to it and run again; what is finished is reused."
        ) from error
    except (OSError, RuntimeError) as error:
        if not _is_of_a_full_disk(error):
            raise
        raise ArtifactError(
            "The disk is full.",
            where=str(getattr(error, "filename", None) or folder.root),
            hint="What is served is whole. Free some space (`nightshelf generations collect`) and run again.",
        ) from error


def _is_of_a_full_disk(error: OSError | RuntimeError) -> bool:
    """By the system's number, or by the words of numpy and FAISS, which do not hand the number on."""
    number = getattr(error, "errno", None)
    if number is not None:
        return number in (errno.ENOSPC, errno.EDQUOT)
    return any(words in str(error) for words in _WORDS_OF_A_FULL_DISK)
