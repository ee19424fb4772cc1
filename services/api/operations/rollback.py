"""Rollback from the page: the same checks and the same compare-and-set flip as `nightshelf generations rollback`.

If the API cannot write to the data folder, the copy of the pointer there is outdated until the next night. That matters
only if a server starts without Redis. Collected lists are not restored here.
"""

from __future__ import annotations

import fcntl

from redis.exceptions import RedisError

from shared.errors import ArtifactError, StoreUnavailableError
from shared.keys import Keys
from shared.layout import DataFolder
from shared.lease import locked, refuse_other_run
from shared.log import get_logger
from shared.publication import current_generation, flip, history, verify_generation
from shared.redis import connect_for_batch
from shared.settings import Settings


def roll_back(settings: Settings, redis_url: str, *, expected: str, to: str) -> None:
    """Serve an earlier generation again. Slow: call it off the event loop.

    Raises:
        ArtifactError: it was never published, or can no longer be served.
        PublishConflictError: the served generation is not the expected one.
        RunActiveError: a run is active.
        StoreUnavailableError: Redis is unavailable.
    """
    folder, keys = DataFolder(settings.data_dir), Keys(settings.redis_prefix)
    try:
        with connect_for_batch(redis_url, settings.redis) as client, locked(folder, fcntl.LOCK_EX):
            refuse_other_run(folder, settings.batch.lease_minutes)
            if to not in history(client, keys):
                raise ArtifactError(f"Generation {to!r} was never published.", where="to")
            if current_generation(client, keys) == expected:
                verify_generation(client, keys, folder, to)
            try:
                flip(client, keys, folder, expected=expected, to=to)
            except OSError as error:  # the pointer has moved; only its copy on disk has not
                get_logger().warning("pointer.not_copied", generation=to, error=str(error))
    except RedisError as error:
        raise StoreUnavailableError(
            "Redis became unavailable.", hint="Check which generation is served before you retry."
        ) from error
    get_logger().info("generation.rolled_back", generation=to, replaced=expected)
