"""The context of a run: settings, progress and connections, passed to every step."""

from __future__ import annotations

from dataclasses import dataclass

import redis

from services.batch.runtime.progress import SILENT, Progress
from shared.errors import StoreUnavailableError
from shared.keys import Keys
from shared.layout import DataFolder
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run of the night, or of one of its steps.

    Attributes:
        settings: all settings.
        progress: reports the progress of long work.
        client: a connection to Redis with long timeouts; `None` if the work needs none.
    """

    settings: Settings
    progress: Progress = SILENT
    client: redis.Redis | None = None

    @property
    def folder(self) -> DataFolder:
        """The data folder."""
        return DataFolder(self.settings.data_dir)

    @property
    def keys(self) -> Keys:
        """The Redis keys of this installation."""
        return Keys(self.settings.redis_prefix)

    @property
    def threads(self) -> int | None:
        """Threads of the numeric libraries; `None` for all cores."""
        return self.settings.batch.threads

    @property
    def redis(self) -> redis.Redis:
        """The connection to Redis.

        Raises:
            StoreUnavailableError: the run has none.
        """
        if self.client is None:
            raise StoreUnavailableError("This step has no connection to Redis.")
        return self.client
