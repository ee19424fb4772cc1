import asyncio

import pytest

from services.api.recommend.batching import Batcher


def run(main):
    return asyncio.run(main())


def test_questions_of_one_turn_are_answered_together_in_order():
    batches = []

    async def double(questions):
        batches.append(list(questions))
        return [2 * question for question in questions]

    async def main():
        batcher = Batcher(double)
        return await asyncio.gather(*(batcher.ask(number) for number in range(10)))

    assert run(main) == [2 * number for number in range(10)]
    assert batches == [list(range(10))]


def test_a_request_during_a_running_batch_waits_for_the_next():
    batches = []

    async def main():
        gate = asyncio.Event()

        async def slow(questions):
            batches.append(list(questions))
            await gate.wait()
            return questions

        batcher = Batcher(slow, max_batch=3, max_running=1)
        first = batcher.ask("first")
        await asyncio.sleep(0)
        rest = [batcher.ask(number) for number in range(5)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert batches == [["first"]]
        gate.set()
        return await asyncio.gather(first, *rest)

    assert run(main) == ["first", 0, 1, 2, 3, 4]
    assert batches == [["first"], [0, 1, 2], [3, 4]]


def test_an_error_reaches_everyone_in_the_batch_and_nobody_after():
    async def main():
        async def answer(questions):
            if "bad" in questions:
                raise ValueError("bad batch")
            return questions

        batcher = Batcher(answer)
        together = await asyncio.gather(batcher.ask("bad"), batcher.ask("good"), return_exceptions=True)
        assert [str(error) for error in together] == ["bad batch", "bad batch"]
        assert await batcher.ask("good") == "good"

    run(main)


def test_someone_who_went_away_does_not_disturb_the_others():
    async def main():
        async def answer(questions):
            await asyncio.sleep(0)
            return questions

        batcher = Batcher(answer)
        gone, here = batcher.ask("gone"), batcher.ask("here")
        gone.cancel()
        assert await here == "here"
        with pytest.raises(asyncio.CancelledError):
            await gone

    run(main)
