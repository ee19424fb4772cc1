"""The answer of `/api/operations`: served and earlier generations, the last run, latencies."""

from __future__ import annotations

import asyncio

from services.api.operations import history
from services.api.operations.latency import latencies
from services.api.schemas.operations import OperationsAnswer
from services.api.state.generation_manager import GenerationManager
from services.api.state.store import Store
from shared.errors import StoreUnavailableError
from shared.layout import DataFolder
from shared.run_log import read_last_run
from shared.settings import Settings


async def overview(settings: Settings, generation_manager: GenerationManager, store: Store) -> OperationsAnswer:
    """Works without Redis and before the first night. Reads files off the event loop."""
    folder = DataFolder(settings.data_dir)
    served = generation_manager.current().generation.manifest if generation_manager.ready else None
    served_id = served.id if served else None
    try:
        ids = await store.history()
    except StoreUnavailableError:
        ids = await asyncio.to_thread(history.on_disk, folder)
    return OperationsAnswer(
        served=await asyncio.to_thread(history.facts_of, folder, served, served=True) if served else None,
        history=await asyncio.to_thread(history.published, folder, ids, served_id),
        last_run=await asyncio.to_thread(read_last_run, folder),
        latency=await asyncio.to_thread(latencies),
        redis=await store.facts(),
        rollback=settings.page.operator_key is not None,
        report=served is not None and folder.best_report(served.id) is not None,
    )
