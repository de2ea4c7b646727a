"""Arbitrary damage and hostile shapes: a message parses, or fields are named; nothing else."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.messages.parsing import FAULTS_MAX, InvalidMessageError, fingerprint, parse
from models.messages.refunds import RefundRequestV1
from tests.messages.samples import (
    CAPTURE,
    INSTRUCTIONS,
    MODELS,
    REQUEST,
    SAMPLES,
    Spot,
    faults_of,
    named,
)

TASKS = pytest.mark.parametrize("task", MODELS)


def test_all_faults_are_told_at_once_up_to_a_limit() -> None:
    message = CAPTURE | {"market": "ZZ", "currency": "XAU", "order_id": ""}
    assert named(MODELS["captures.record"], message) == ["order_id", "market", "currency"]
    many = REQUEST | {"lines": [{"line_id": "", "quantity": 1}] * 50}
    assert named(RefundRequestV1, many) == [f"lines[{n}].line_id" for n in range(FAULTS_MAX)]


@TASKS
@pytest.mark.parametrize("value", [None, [], [{}], "", "{}", 0, 1.5, True, float("nan"), b"{}"])
def test_what_is_no_object_is_said_to_be_none(task: str, value: Any) -> None:
    assert named(MODELS[task], value) == [""]


@pytest.mark.parametrize("depth", [10, 1_000, 100_000])
def test_deep_nesting_is_a_fault_like_any_other(depth: int) -> None:
    deep: Any = 1
    for _ in range(depth):
        deep = [deep]
    assert named(RefundRequestV1, REQUEST | {"lines": deep}) == ["lines[0]"]
    assert named(RefundRequestV1, deep) == [""]
    for model, message in SAMPLES.values():
        assert named(model, message | {"x": deep}) == ["x"]
        for field in sorted(set(message) - {"lines"}):
            assert named(model, message | {field: deep}) == [field]


@pytest.mark.parametrize("depth", [10, 1_000, 100_000])
def test_deep_objects_are_a_fault_like_any_other(depth: int) -> None:
    deep: Any = 1
    for _ in range(depth):
        deep = {"lines": deep}
    for model, message in SAMPLES.values():
        for field in sorted(set(message) - {"provider_references"}):
            assert named(model, message | {field: deep}) == [field]


def test_a_fault_shows_what_was_sent_but_not_all_of_it() -> None:
    for model, message in SAMPLES.values():
        for field, value in message.items():
            if isinstance(value, str):
                with pytest.raises(InvalidMessageError) as raised:
                    parse(model, message | {field: "y\n" * 10**6})
                (fault,) = raised.value.faults
                assert fault.field == field
                assert "'y" in fault.message
                assert len(str(raised.value)) < 400


def test_an_unknown_field_without_a_name_is_told() -> None:
    for model, message in SAMPLES.values():
        (field,) = named(model, message | {"": 1})
        assert field


TEXTS = st.text(st.characters(), max_size=8)  # lone surrogates and control characters too
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**40), 10**40)
    | st.sampled_from([10**12, 10**12 + 1, 2**63 - 1, 2**63, 2**64])
    | st.floats()
    | TEXTS
    | st.sampled_from(["lines", "full", "SEK", "SE", "1", "1.5", "2026-11-24T09:30:00Z", "NaN"])
    | st.sampled_from(["return", "won", "gift_card", "chargeback:1", "return_fee:1"])
    | st.uuids().map(str)
)
FIELDS = sorted({field for model in MODELS.values() for field in model.model_fields})
NAMES = TEXTS | st.sampled_from([*FIELDS, *CAPTURE["lines"][0]])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=12,
)


@TASKS
@settings(max_examples=100, deadline=None)
@given(value=VALUES | st.dictionaries(NAMES, VALUES, max_size=10))
def test_arbitrary_json_never_raises_anything_but_named_faults(task: str, value: Any) -> None:
    named(MODELS[task], value)


@pytest.mark.parametrize("task", INSTRUCTIONS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_change_of_one_field_parses_or_names_that_field(task: str, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(MODELS[task].model_fields)))
    message = INSTRUCTIONS[task] | {field: data.draw(VALUES)}
    assert named(MODELS[task], message) in ([], [field])


def spots(value: Any, spot: Spot = ()) -> Iterator[Spot]:
    """Every place in a message."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for step, one in inner:
        yield (*spot, step)
        yield from spots(one, (*spot, step))


def damage(message: Any, data: st.DataObject) -> None:
    """Replace, remove, add or double something anywhere."""
    spot = data.draw(st.sampled_from(list(spots(message))))
    holder: Any = message
    for step in spot[:-1]:
        holder = holder[step]
    last: Any = spot[-1]
    way = data.draw(st.sampled_from(["replace", "replace", "remove", "add", "double"]))
    if way == "remove":
        del holder[last]
    elif way == "replace":
        holder[last] = data.draw(VALUES)
    elif isinstance(holder, list):
        holder.append(copy.deepcopy(holder[last]) if way == "double" else data.draw(VALUES))
    else:
        holder[data.draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5))] = 1


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_damage_to_a_valid_message_parses_or_names_a_field(
    name: str, data: st.DataObject
) -> None:
    model, message = SAMPLES[name]
    damaged = copy.deepcopy(message)
    for _ in range(data.draw(st.integers(1, 3))):
        damage(damaged, data)
        if not damaged:
            break
    faults = faults_of(model, damaged)
    assert all(fault.field and fault.message for fault in faults), faults
    if not faults:
        parsed = parse(model, damaged)
        again = parse(model, json.loads(parsed.model_dump_json(exclude_defaults=True)))
        assert again == parsed
        assert fingerprint(again) == fingerprint(parsed)
