"""Kafka messages: the ids and times of their events, and that no message stops the consumer."""

from __future__ import annotations

import json
import time

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from services.api.events.event_validation import MAX_EVENTS, accept_all
from services.api.events.kafka_client import security_options
from services.api.events.kafka_message import Refused, encoded, events_of
from services.api.schemas.text import LONGEST_TEXT
from shared.errors import InvalidRequestError, NightshelfError, UnknownBookError
from shared.settings import KafkaSettings, UserStateSettings, load_settings

SENT_MS = 1_714_564_800_250
SECRET = "pass word"  # noqa: S105  # of nobody


class Shelf:
    """As much of a catalogue as intake asks for: one book."""

    def number_of(self, book_id):
        if book_id != "dune":
            raise UnknownBookError("No such book.", where="book_id")
        return 7


def record(value, *, topic="nightshelf.events", partition=3, offset=14, timestamp=SENT_MS):
    return ConsumerRecord(topic, partition, offset, timestamp, 0, b"key", value, None, 3, len(value or b""), ())


def read(body, **place):
    return events_of(record(json.dumps(body).encode(), **place))


def test_an_event_without_id_is_named_after_its_place():
    (alone,) = read({"book": "dune"})
    assert alone == {
        "book": "dune", "event_id": f"kafka:nightshelf.events:3:14:0:{SENT_MS}", "time": SENT_MS / 1000,
    }  # fmt: skip
    places = [{}, {"partition": 4}, {"offset": 15}, {"topic": "other"}, {"timestamp": SENT_MS + 1}]
    ids = [each["event_id"] for place in places for each in read([{}, {"event_id": None}], **place)]
    assert len(set(ids)) == 2 * len(places)
    assert ids[:2] == [each["event_id"] for each in read([{}, {}])], "the same when it comes again"


def test_the_longest_topic_leaves_room_for_the_rest_of_an_id():
    (longest,) = read({}, topic="t" * 249, partition=2**31 - 1, offset=2**63 - 1)
    (other,) = read({}, topic="t" * 248 + "u", partition=2**31 - 1, offset=2**63 - 1)
    assert len(longest["event_id"]) <= LONGEST_TEXT
    assert longest["event_id"] != other["event_id"]


def test_what_an_event_says_itself_stays():
    said = {"event_id": "mine", "time": "2024-05-01", "user": "ann"}
    assert read(said) == [said]


def test_a_fast_clock_at_the_producer_does_not_cost_the_event():
    now = time.time()
    (event,) = read({}, timestamp=int((now + 86_400) * 1000))
    assert now <= event["time"] <= time.time()


def test_a_message_without_a_timestamp_leaves_the_time_out():
    assert read({"event_id": "mine"}, timestamp=-1) == [{"event_id": "mine"}]


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"1" * 10_000, b"[]"])
def test_what_holds_no_events_is_refused(value):
    with pytest.raises(InvalidRequestError):
        events_of(record(value))


def test_a_message_may_hold_as_many_events_as_a_request():
    assert len(read([{}] * MAX_EVENTS)) == MAX_EVENTS
    with pytest.raises(InvalidRequestError, match="1001"):
        read([{}] * (MAX_EVENTS + 1))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["dune", "rating", "read"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["user", "book", "kind"]), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.binary() | _JSON.map(lambda body: json.dumps(body).encode()))
def test_any_message_is_either_taken_or_refused_with_a_reason(value):
    message = record(value)
    try:
        batch = events_of(message)
    except InvalidRequestError:
        return
    accepted, refused = accept_all(batch, Shelf(), UserStateSettings())
    assert len(accepted) + len(refused) == len(batch)
    for each in refused:
        letter = Refused(message, each.position, encoded(batch[each.position], message), each.error)
        assert letter.value
        assert dict(letter.headers())["nightshelf-place"] == f"nightshelf.events/3/14/{each.position}".encode()


def test_an_event_of_lone_surrogates_becomes_a_dead_letter():
    message = record(b'[{"\\ud800": "\\udfff"}]')
    batch = events_of(message)
    _, (refusal,) = accept_all(batch, Shelf(), UserStateSettings())
    letter = Refused(message, 0, encoded(batch[0], message), refusal.error)
    assert "\ud800" in json.loads(letter.value)
    assert dict(letter.headers())["nightshelf-what"]


def test_an_event_nested_too_deeply_to_be_written_is_kept_as_its_message():
    nested: object = 0
    for _ in range(100_000):
        nested = [nested]
    assert encoded(nested, record(b"as it came")) == b"as it came"


@pytest.mark.parametrize("brokers", ["kafka", "kafka:", ":9092", "kafka:port", "kafka:9092,", "kafka:9092 other:9092"])
def test_brokers_need_host_and_port(brokers):
    with pytest.raises(NightshelfError, match="HOST:PORT"):
        load_settings(kafka={"brokers": brokers})


def test_several_brokers_may_be_named():
    named = "one:9092,10.0.0.2:9092,[::1]:9092"
    assert load_settings(kafka={"brokers": named}).kafka.brokers == named


def test_options_win_over_the_environment_one_by_one(monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_KAFKA__BROKERS", "kafka:9092")
    monkeypatch.setenv("NIGHTSHELF_KAFKA__TOPIC", "said-by-environment")
    kafka = load_settings(kafka={"topic": "said-by-option"}).kafka
    assert (kafka.brokers, kafka.topic) == ("kafka:9092", "said-by-option")


def test_logging_in_needs_a_name_and_a_password():
    with pytest.raises(NightshelfError, match="user name"):
        security_options(KafkaSettings(security="SASL_SSL", username="ann"))
    options = security_options(
        KafkaSettings.model_validate({"security": "SASL_PLAINTEXT", "username": "ann", "password": SECRET})
    )
    assert options == {
        "security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": "ann",
        "sasl_plain_password": SECRET,
    }  # fmt: skip


def test_a_missing_certificate_is_named(tmp_path):
    with pytest.raises(NightshelfError) as raised:
        security_options(KafkaSettings(security="SSL", ca_file=tmp_path / "ca.pem"))
    assert raised.value.where == str(tmp_path / "ca.pem")


def test_a_password_is_never_shown():
    assert SECRET not in repr(KafkaSettings.model_validate({"password": SECRET, "key_password": SECRET}))
