"""Translates Redis and disk errors of a run into the project's own errors."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from shared.errors import ArtifactError, StoreUnavailableError
from shared.layout import DataFolder

_FULL_DISK_MESSAGES = ("No space left on device", "Not enough free space", " requested and ")


@contextmanager
def translate_errors(folder: DataFolder) -> Iterator[None]:
    """Translate errors of Redis and of a full disk.

    Raises:
        StoreUnavailableError: Redis failed.
        ArtifactError: the disk is full.
    """
    try:
        yield
    except redis.RedisError as error:
        raise StoreUnavailableError(
            f"Redis failed during the run: {error}", hint="Check Redis and run again; finished work is reused."
        ) from error
    except (OSError, RuntimeError) as error:
        if not _is_full_disk(error):
            raise
        raise ArtifactError(
            "The disk is full.",
            where=str(getattr(error, "filename", None) or folder.root),
            hint="The served generation is intact. Free some space (`nightshelf generations collect`) and run again.",
        ) from error


def _is_full_disk(error: OSError | RuntimeError) -> bool:
    """Check the error number, or the message, because numpy and FAISS do not keep the number."""
    number = getattr(error, "errno", None)
    if number is not None:
        return number in (errno.ENOSPC, errno.EDQUOT)
    return any(words in str(error) for words in _FULL_DISK_MESSAGES)
