"""Baselines for the endpoint: a bare route, and a direct version of the request."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import redis.asyncio
from fastapi import FastAPI, Response
from pydantic import BaseModel


def bare() -> FastAPI:
    """A FastAPI route that returns a constant `Response`."""
    app = FastAPI()

    @app.get("/api/recommendations/user/{user_id}")
    async def constant(user_id: str) -> Response:  # noqa: ARG001  # the same route as the others
        return Response(b'{"items":[]}', media_type="application/json")

    return app


class DirectItem(BaseModel):
    book_id: str
    title: str
    authors: list[str]
    score: float
    collaborative: float | None
    content: float | None


class DirectAnswer(BaseModel):
    user_id: str
    items: list[DirectItem]


def direct() -> FastAPI:
    """JSON lists in Redis, separate commands, a flat index searched for each request, a pydantic answer."""
    folder = os.environ["BENCH_CONTENT"]
    books: list[dict[str, Any]] = json.loads(Path(os.environ["BENCH_BOOKS"]).read_text())
    vectors = np.load(f"{folder}/vectors.npy")
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    faiss.omp_set_num_threads(1)
    client = redis.asyncio.Redis.from_url(os.environ["NIGHTSHELF_REDIS_URL"], decode_responses=True)
    app = FastAPI()

    def scaled(scores: dict[int, float]) -> dict[int, float]:
        low, high = min(scores.values()), max(scores.values())
        return {number: (score - low) / ((high - low) or 1) for number, score in scores.items()}

    @app.get("/api/recommendations/user/{user_id}")
    async def recommend(user_id: str, limit: int = 10) -> DirectAnswer:
        collaborative = {int(number): score for number, score in json.loads(await client.get(f"direct:cf:{user_id}"))}
        recent = [int(number) for number in await client.lrange(f"direct:recent:{user_id}", 0, 9)]
        seen = {int(number) for number in await client.smembers(f"direct:seen:{user_id}")}
        found_scores, found = index.search(vectors[recent], 100)
        content: dict[int, float] = {}
        for place, (numbers, scores) in enumerate(zip(found, found_scores, strict=True)):
            for number, score in zip(numbers, scores, strict=True):
                content[int(number)] = content.get(int(number), 0.0) + 0.85**place * float(score)
        content = dict(sorted(content.items(), key=lambda item: -item[1])[:100])
        collaborative, content = scaled(collaborative), scaled(content)
        blended = {
            number: 0.75 * collaborative.get(number, 0.0) + 0.25 * content.get(number, 0.0)
            for number in collaborative.keys() | content.keys()
            if number not in seen
        }
        best = sorted(blended.items(), key=lambda item: (-item[1], item[0]))[:limit]
        return DirectAnswer(
            user_id=user_id,
            items=[
                DirectItem(
                    **books[number],
                    score=score,
                    collaborative=collaborative.get(number),
                    content=content.get(number),
                )
                for number, score in best
            ],
        )

    return app
