"""Opening frames: what is a message, and what is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.queue.conftest import frame
from worker.queue.transport.frames import FrameError, open_frame
from worker.queue.transport.keys import Keys, member, parse_member
from worker.queue.transport.owner import parse_tag, tag_of


def test_a_message_is_opened_under_our_own_tag() -> None:
    payload = open_frame(frame("text"), "q", "7@q")
    assert payload["body"] == "text"
    assert payload["headers"] == {"id": "1", "task": "t"}
    assert payload["properties"]["delivery_tag"] == "7@q"
    assert payload["properties"]["delivery_info"] == {"exchange": "", "routing_key": "q"}


@pytest.mark.parametrize(
    "properties", [{}, {"delivery_info": None}, {"priority": 3, "anything": ["else"]}]
)
def test_a_producer_may_leave_out_what_only_the_broker_needs(properties: dict[str, Any]) -> None:
    payload = open_frame(frame(properties=properties, headers=None), "q", "1@q")
    assert payload["properties"]["delivery_info"] == {"exchange": "", "routing_key": "q"}
    assert payload["properties"]["delivery_tag"] == "1@q"


NOT_MESSAGES: dict[str, bytes] = {
    "nothing": b"",
    "text": b"hello",
    "no text": b"\xff\xfe\x00",
    "no object": b"[1, 2]",
    "a number": b"9" * 5000,
    "deep": b"[" * 100_000,
    "empty": b"{}",
    "cut off": frame()[:-5],
    "no body": frame(body=None),
    "body a list": frame(body=["x"]),
    "no properties": frame(properties=None),
    "properties a list": frame(properties=[]),
    "delivery info a text": frame(properties={"delivery_info": "q"}),
    "encoding a number": frame(properties={"body_encoding": 1}),
    "headers a text": frame(headers="task"),
    "content type a list": frame(**{"content-type": ["application/json"]}),
    "content encoding an object": frame(**{"content-encoding": {}}),
    "unknown type": frame(headers={"x": {"__type__": "no such", "__value__": 1}}),
    "broken date": frame(headers={"x": {"__type__": "datetime", "__value__": "x"}}),
}


@pytest.mark.parametrize("content", NOT_MESSAGES.values(), ids=NOT_MESSAGES.keys())
def test_what_is_no_message_is_refused_without_repeating_it(content: bytes) -> None:
    with pytest.raises(FrameError) as caught:
        open_frame(content, "q", "1@q")
    assert len(str(caught.value)) < 80


@given(st.binary(max_size=200))
def test_any_bytes_are_opened_or_refused(content: bytes) -> None:
    with pytest.raises(FrameError):
        open_frame(content, "q", "1@q")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
PARTS = ("body", "headers", "properties", "content-type", "content-encoding")


@given(st.sampled_from(PARTS), JSON)
def test_any_part_may_be_anything(part: str, value: Any) -> None:
    try:
        payload = open_frame(frame(**{part: value}), "q", "1@q")
    except FrameError:
        return
    assert isinstance(payload["properties"]["delivery_info"], dict)
    assert isinstance(payload["body"], str)
    json.dumps(payload)


@pytest.mark.parametrize("queue", ["refunds", "with@sign", "a.processing.b"])
def test_a_tag_tells_queue_and_number(queue: str) -> None:
    assert parse_tag(tag_of(queue, 12)) == (queue, 12)
    assert parse_member(member(queue, "host-1-abc")) == (queue, "host-1-abc")


@pytest.mark.parametrize("tag", ["", "0f9c1d", "x@q", "-1@q", "@", "²@q"])
def test_foreign_tags_are_none_of_ours(tag: str) -> None:
    assert parse_tag(tag) is None


def test_all_keys_are_under_the_prefix() -> None:
    keys, o = Keys("p:"), "owner"
    given = [keys.consumers, keys.heartbeat(o), keys.never(o), keys.queue("q")]
    given += [keys.processing("q", o), keys.dead("q"), keys.dead_count("q")]
    assert all(key.startswith("p:") for key in given)
    assert len(set(given)) == len(given)
