"""Batches concurrent requests: one round trip and one computation for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Batcher(Generic[Question, Answer]):
    """Collects questions while a batch runs, then answers them together.

    A question asked while no batch runs is sent at the end of this turn of the event loop.
    Used from one event loop only.

    Args:
        answer_all: answers many questions at once, in order; its error goes to every caller in the batch.
        max_batch: questions in one batch.
        max_running: batches at once; one can wait for the network while another is computed.
    """

    def __init__(
        self,
        answer_all: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]],
        *,
        max_batch: int = 64,
        max_running: int = 2,
    ) -> None:
        self._answer_all = answer_all
        self._max_batch = max_batch
        self._max_running = max_running
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._scheduled = False

    def ask(self, question: Question) -> asyncio.Future[Answer]:
        """The future answer to one question."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((question, future))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._depart)
        return future

    def _depart(self) -> None:
        self._scheduled = False
        while self._waiting and len(self._running) < self._max_running:
            batch, self._waiting = self._waiting[: self._max_batch], self._waiting[self._max_batch :]
            task = asyncio.get_running_loop().create_task(self._answer(batch))
            self._running.add(task)
            task.add_done_callback(self._arrived)

    def _arrived(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._depart()

    async def _answer(self, batch: list[tuple[Question, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._answer_all([question for question, _ in batch])
        except Exception as error:  # noqa: BLE001  # every waiting caller must get the error
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
