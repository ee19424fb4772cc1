"""Consumes events from Kafka like `POST /api/events`: what `nightshelf consume-kafka` runs.

It commits an offset only after Redis has stored the accepted events before it and the dead-letter topic the refused
ones. After a failure in between, it reads messages again and recognises repeated events by their ids.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, MessageSizeTooLargeError
from redis.exceptions import RedisError

from services.api.events.event_validation import MAX_EVENTS, accept_all
from services.api.events.kafka_client import ClientLog, consumer_of, producer_of, security_options
from services.api.events.kafka_message import Refused, encoded, events_of
from services.api.state.event_writer import AcceptedEvent
from services.api.state.generation_manager import GenerationManager
from services.api.state.store import Store
from shared.errors import InvalidRequestError, NightshelfError, NoGenerationError, StoreUnavailableError
from shared.layout import DataFolder
from shared.log import get_logger
from shared.settings import Settings

_POLL_SECONDS = 0.5
_FIRST_WAIT_SECONDS = 0.5
_MAX_WAIT_SECONDS = 15.0
_LAST_BATCH_SECONDS = 6.0  # SIGKILL usually follows SIGTERM after ten seconds
_CLOSE_SECONDS = 1.5


@dataclass(slots=True)
class Counts:
    """Counts of what was read. `behind`: messages still to read, as reported by the brokers."""

    messages: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    dead_letters: int = 0
    behind: int = 0


async def consume(settings: Settings, redis_url: str) -> Counts:
    """Read until SIGTERM or SIGINT; then finish and commit the current batch.

    Raises:
        NightshelfError: no brokers are configured, or the settings contradict each other.
    """
    kafka = settings.kafka
    if kafka.brokers is None:
        raise NightshelfError(
            "No Kafka broker is configured.", where="NIGHTSHELF_KAFKA__BROKERS", hint="Add --brokers."
        )
    if kafka.dead_letter_topic == kafka.topic:
        raise NightshelfError("The dead-letter topic must differ from the topic.", where="--dead-letter-topic")
    security = security_options(kafka)
    ClientLog().install()
    store = Store(settings, redis_url)
    generation_manager = GenerationManager(DataFolder(settings.data_dir), store, settings.serve.poll_seconds)
    await generation_manager.start()
    try:
        return await _Consumption(settings, security, store, generation_manager).run()
    finally:
        await generation_manager.stop()
        await store.close()


class _Consumption:
    def __init__(
        self, settings: Settings, security: dict[str, Any], store: Store, generation_manager: GenerationManager
    ) -> None:
        self._settings, self._kafka, self._security = settings, settings.kafka, security
        self._store, self._generation_manager = store, generation_manager
        self._counts = Counts()
        self._stopping = asyncio.Event()
        self._wait_seconds = _FIRST_WAIT_SECONDS
        self._next_progress = time.monotonic() + self._kafka.progress_seconds

    async def run(self) -> Counts:
        loop = asyncio.get_running_loop()
        for stop in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(stop, self._stopping.set)
        reading = loop.create_task(self._read())
        asked_to_stop = loop.create_task(self._stopping.wait())
        await asyncio.wait({reading, asked_to_stop}, return_when=asyncio.FIRST_COMPLETED)
        asked_to_stop.cancel()
        with contextlib.suppress(asyncio.CancelledError, TimeoutError):
            await asyncio.wait_for(reading, _LAST_BATCH_SECONDS)
        get_logger().info("kafka.stopped", **asdict(self._counts))
        return self._counts

    async def _read(self) -> None:
        while not self._stopping.is_set():
            try:
                async with self._connected() as (consumer, producer):
                    get_logger().info("kafka.reading", brokers=self._kafka.brokers, topic=self._kafka.topic)
                    while not self._stopping.is_set():
                        await self._read_batch(consumer, producer)
            except (KafkaError, OSError) as error:
                await self._wait_after(error, "kafka.away")

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[AIOKafkaConsumer, AIOKafkaProducer | None]]:
        async with contextlib.AsyncExitStack() as stack:
            consumer = consumer_of(self._kafka, self._security)
            stack.push_async_callback(_stop, consumer)
            await consumer.start()
            producer = None
            if self._kafka.dead_letter_topic is not None:
                producer = producer_of(self._kafka, self._security)
                stack.push_async_callback(_stop, producer)
                await producer.start()
            yield consumer, producer

    async def _read_batch(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer | None) -> None:
        found: dict[TopicPartition, list[ConsumerRecord]] = await consumer.getmany(
            timeout_ms=int(_POLL_SECONDS * 1000), max_records=self._kafka.batch_messages
        )
        if found:
            try:
                refused = await self._take([record for records in found.values() for record in records])
            except (StoreUnavailableError, NoGenerationError, RedisError) as error:
                for partition, records in found.items():
                    with contextlib.suppress(IllegalStateError):  # another consumer has it now
                        consumer.seek(partition, records[0].offset)
                await self._wait_after(error, "kafka.cannot_store")
            else:
                await self._set_aside(refused, producer)
                await self._commit(
                    consumer, {partition: records[-1].offset + 1 for partition, records in found.items()}
                )
                self._wait_seconds = _FIRST_WAIT_SECONDS
        if time.monotonic() >= self._next_progress:
            self._next_progress = time.monotonic() + self._kafka.progress_seconds
            get_logger().info("kafka.progress", **asdict(self._counts))

    async def _take(self, records: Sequence[ConsumerRecord]) -> list[Refused]:
        """Store the valid events in Redis; returns the refused ones."""
        catalog = self._generation_manager.current().generation.catalog
        accepted: list[AcceptedEvent] = []
        refused: list[Refused] = []
        for record in records:
            try:
                batch = events_of(record)
            except InvalidRequestError as error:
                refused.append(Refused(record, 0, record.value or b"", error))
                continue
            good, bad = accept_all(batch, catalog, self._settings.user_state)
            accepted += good
            refused += [
                Refused(record, each.position, encoded(batch[each.position], record), each.error) for each in bad
            ]
        n_taken = 0
        for start in range(0, len(accepted), MAX_EVENTS):
            n_taken += sum(await self._store.take(accepted[start : start + MAX_EVENTS]))
        self._counts.messages += len(records)
        self._counts.accepted += n_taken
        self._counts.duplicates += len(accepted) - n_taken
        self._counts.refused += len(refused)
        return refused

    async def _set_aside(self, refused: Sequence[Refused], producer: AIOKafkaProducer | None) -> None:
        """Log the refused events and write them to the dead-letter topic, if there is one."""
        for each in refused:
            get_logger().warning("kafka.refused", place=each.place, where=each.error.where, what=each.error.what)
        if producer is None:
            return
        topic = self._kafka.dead_letter_topic
        n_written = sum(await asyncio.gather(*(self._write_dead_letter(producer, topic, each) for each in refused)))
        self._counts.dead_letters += n_written

    async def _write_dead_letter(self, producer: AIOKafkaProducer, topic: str | None, refused: Refused) -> bool:
        try:
            await producer.send_and_wait(topic, refused.value, key=refused.record.key, headers=refused.headers())
        except MessageSizeTooLargeError:
            get_logger().error("kafka.too_long_for_dead_letters", place=refused.place)
            return False
        return True

    async def _commit(self, consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        self._counts.behind = sum(
            max(0, (consumer.highwater(partition) or offset) - offset) for partition, offset in offsets.items()
        )
        try:
            await consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:  # the partition's new consumer reads these again
            get_logger().info("kafka.rebalanced", error=str(error))

    async def _wait_after(self, error: Exception, what: str) -> None:
        """Wait, longer each time, or until asked to stop."""
        get_logger().warning(what, error=str(error), wait_seconds=self._wait_seconds)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), self._wait_seconds)
        self._wait_seconds = min(2 * self._wait_seconds, _MAX_WAIT_SECONDS)


async def _stop(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """Close the client, even if the brokers do not answer."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(client.stop(), _CLOSE_SECONDS)
