"""Simulated readers of the demo."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.api.deps import ServingDep, StateDep
from services.api.problems import documented
from services.api.schemas.readers import ReadersAnswer

router = APIRouter(tags=["readers"])


@router.get("/api/readers", responses=documented(422, 503))
async def demo_readers(
    state: StateDep,
    served: ServingDep,
    limit: Annotated[int, Query(ge=1, le=24, description="Maximum number of readers")] = 6,
) -> ReadersAnswer:
    """List some simulated readers with books they recently liked. Real readers are never listed."""
    return ReadersAnswer(
        readers=await state.demo_readers.find(served, limit),
        simulated_readers=served.generation.manifest.simulated_readers,
    )
