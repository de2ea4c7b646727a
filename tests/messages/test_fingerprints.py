"""A fingerprint is of a message's content: of all of it, and of nothing else."""

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from models.messages import names
from models.messages.captures import CapturedLineV1, CaptureRecordV1
from models.messages.parsing import fingerprint, parse
from models.messages.refunds import RefundLineV1, RefundRequestV1
from tests.messages.samples import (
    AMOUNT,
    CAPTURE,
    FULL,
    INSTRUCTIONS,
    MODELS,
    REQUEST,
    SAMPLES,
    Json,
    Spot,
    changed,
)
from worker.steps.accepting import NOT_CONTENT

KINDS = pytest.mark.parametrize(("model", "message"), SAMPLES.values(), ids=SAMPLES)


def of(model: type[BaseModel], message: Json) -> bytes:
    """The fingerprint that the worker stores: of a request without its moment of asking."""
    asked = issubclass(model, RefundRequestV1)
    return fingerprint(parse(model, message), without=NOT_CONTENT if asked else frozenset())


def shuffled(value: Any, order: random.Random) -> Any:
    """The same JSON with the keys of every object in another order."""
    if isinstance(value, dict):
        items = list(value.items())
        order.shuffle(items)
        return {name: shuffled(inner, order) for name, inner in items}
    if isinstance(value, list):
        return [shuffled(inner, order) for inner in value]
    return value


@KINDS
@settings(deadline=None)
@given(order=st.randoms(use_true_random=False))
def test_the_order_of_keys_is_no_content(
    model: type[BaseModel], message: Json, order: random.Random
) -> None:
    assert of(model, shuffled(message, order)) == of(model, message)


def test_the_order_of_names_that_the_producer_chose_is_no_content() -> None:
    references = {"order_id": "ord-9", "capture_id": "cap-9"}
    turned = dict(reversed(references.items()))
    assert of(CaptureRecordV1, CAPTURE | {"provider_references": references}) == of(
        CaptureRecordV1, CAPTURE | {"provider_references": turned}
    )


def test_a_field_that_is_added_later_with_a_default_changes_no_fingerprint() -> None:
    """Else every request in flight would conflict with itself after an upgrade."""

    class Later(RefundRequestV1):
        note: str | None = None

    assert of(Later, REQUEST) == of(RefundRequestV1, REQUEST)
    assert of(Later, REQUEST | {"note": "x"}) != of(RefundRequestV1, REQUEST)


@KINDS
def test_a_default_that_is_written_out_is_no_content(model: type[BaseModel], message: Json) -> None:
    written = json.loads(parse(model, message).model_dump_json())
    assert set(written) == set(model.model_fields)
    assert of(model, written) == of(model, message)


@KINDS
def test_each_default_is_as_good_as_absent(model: type[BaseModel], message: Json) -> None:
    defaults = {
        name: info.get_default(call_default_factory=True)
        for name, info in model.model_fields.items()
        if not info.is_required()
    }
    needed = {"lines": ["lines"], "amount": ["amount_minor"]}.get(message.get("kind", ""), [])
    for field, default in defaults.items():
        if field in needed:
            continue
        absent = {name: value for name, value in message.items() if name != field}
        assert of(model, absent | {field: default}) == of(model, absent)


def test_the_moment_of_asking_is_no_content_of_a_request_unless_it_is_counted() -> None:
    assert {"requested_at"} == NOT_CONTENT
    for message in (REQUEST, FULL, AMOUNT | {"requested_at": "2026-11-24T09:30:00Z"}):
        for moment in ("2026-11-24T09:30:01+01:00", None):
            other = message | {"requested_at": moment}
            assert of(RefundRequestV1, other) == of(RefundRequestV1, message)
            assert fingerprint(parse(RefundRequestV1, other)) != fingerprint(
                parse(RefundRequestV1, message)
            )


Case = tuple[str, Json, Spot, Any]
CAPTURE_TEXTS = ("merchant_id", "order_id", "capture_id", "provider")
REQUEST_TEXTS = (
    *("merchant_id", "idempotency_key", "order_id"),
    *("reason_text", "reference", "requested_by"),
)
FREE = {"line_id": "3", "quantity": 1, "total_amount_minor": 0}
LATER = "2026-11-24T09:30:01Z"
OTHER_ID = "1f8fad5b-d9cb-569f-a165-70867728950e"


def of_capture(*steps: str | int, to: Any) -> Case:
    """A change of the capture."""
    return names.CAPTURES_RECORD, CAPTURE, steps, to


def of_request(*steps: str | int, to: Any, message: Json = REQUEST) -> Case:
    """A change of a request."""
    return names.REFUNDS_REQUEST, message, steps, to


OF_INSTRUCTIONS: dict[str, list[Any]] = {
    "merchant_id": ["other"],
    "idempotency_key": ["other"],
    "refund_id": [OTHER_ID],
    "by": ["other", "USER-9"],
    "note": ["other", "", None],
    "capture_id": ["other"],
    "order_id": ["other"],
    "dispute_id": ["other"],
    "outcome": ["won"],
    "amount_minor": [501, 1],
    "paid_at": [LATER, None],
    "opened_at": [LATER, None],
    "closed_at": [LATER, None],
}
CHANGES: list[Case] = [
    *(of_capture(name, to="other") for name in CAPTURE_TEXTS),
    of_capture("captured_at", to=LATER),
    of_capture("market", to="NO"),
    of_capture("currency", to="NOK"),
    of_capture("provider_references", to={}),
    of_capture("provider_references", "order_id", to="ord-8"),
    of_capture("provider_references", "capture_id", to="ord-9"),
    *(of_capture("customer_paid_minor", to=paid) for paid in (9_999, 0, None)),
    *(of_capture("order_amount_minor", to=amount) for amount in (20_001, 10_500, None)),
    of_capture("lines", to=CAPTURE["lines"][::-1]),
    of_capture("lines", to=[*CAPTURE["lines"], FREE]),
    of_capture("lines", 0, "line_id", to="01"),
    of_capture("lines", 0, "type", to="digital"),
    *(of_capture("lines", 1, "type", to=kind) for kind in ("gift_card", "store_credit")),
    of_capture("lines", 0, "reference", to="sku"),
    of_capture("lines", 0, "name", to=""),
    of_capture("lines", 0, "unit_price", to=None),
    of_capture("lines", 0, "total_amount_minor", to=11_001),
    of_capture("lines", 0, "total_discount_minor", to=1_001),
    of_capture("lines", 0, "tax_rate", to=0),
    of_capture("lines", 0, "total_tax_minor", to=0),
    of_capture("lines", 1, "quantity", to=2),
    *(of_request(name, to="other") for name in REQUEST_TEXTS),
    *(of_request("currency", to=currency) for currency in (None, "NOK")),
    *(of_request("reason", to=reason) for reason in (None, "other", "cancelled")),
    *(of_request("reason_text", to=text) for text in (None, "", "too small.")),
    *(of_request("reference", to=reference) for reference in (None, "")),
    of_request("requested_by", to=None),
    *(of_request("awaits_goods", to=awaits) for awaits in (False, None)),
    *(of_request("awaits_goods", to=awaits, message=FULL) for awaits in (True, None)),
    *(of_request("awaits_goods", to=awaits, message=AMOUNT) for awaits in (True, False)),
    of_request("with_shares", to=True),
    *(of_request("capture_id", to=capture, message=FULL) for capture in ("other", None)),
    of_request("capture_id", to="capture", message=AMOUNT),
    of_request("return_fee_minor", to=0),
    of_request("lines", to=REQUEST["lines"][::-1]),
    of_request("lines", to=REQUEST["lines"][:1]),
    of_request("lines", 0, "line_id", to="2"),
    of_request("lines", 0, "quantity", to=1),
    of_request("lines", 0, "capture_id", to=None),
    of_request("lines", 1, "amount_minor", to=8),
    of_request("lines", 1, to={"line_id": "1", "quantity": 7}),
    of_request("amount_minor", to=8, message=AMOUNT),
    *(
        (task, INSTRUCTIONS[task], (field,), value)
        for field, values in OF_INSTRUCTIONS.items()
        for value in values
        for task in INSTRUCTIONS
        if field in INSTRUCTIONS[task]
    ),
    (names.DISPUTES_OPENED, INSTRUCTIONS[names.DISPUTES_OPENED], ("capture_id",), None),
    (names.DISPUTES_CLOSED, INSTRUCTIONS[names.DISPUTES_CLOSED], ("amount_minor",), None),
]


@pytest.mark.parametrize(
    ("task", "message", "spot", "value"),
    CHANGES,
    ids=[f"{case[0]} {case[2]}={case[3]!r:.20}" for case in CHANGES],
)
def test_whatever_else_is_changed_changes_the_fingerprint(
    task: str, message: Json, spot: Spot, value: Any
) -> None:
    model = MODELS[task]
    assert of(model, changed(message, spot, value)) != of(model, message)


def test_every_field_of_the_contract_has_such_a_change() -> None:
    """`version` has one value, and `kind` cannot change alone."""
    found = {(case[0], *(step for step in case[2] if isinstance(step, str))) for case in CHANGES}
    for task, model in MODELS.items():
        for field in set(model.model_fields) - {"version", "kind", "requested_at"}:
            assert (task, field) in found, field
    for task, line in (
        (names.CAPTURES_RECORD, CapturedLineV1),
        (names.REFUNDS_REQUEST, RefundLineV1),
    ):
        assert {spot[2] for spot in found if spot[:2] == (task, "lines") and spot[2:]} == set(
            line.model_fields
        )


def test_kinds_that_take_the_same_fields_have_different_fingerprints() -> None:
    everything = {name: value for name, value in AMOUNT.items() if name != "amount_minor"}
    assert of(RefundRequestV1, everything | {"kind": "full"}) != of(RefundRequestV1, AMOUNT)


LINES = st.lists(
    st.fixed_dictionaries(
        {"line_id": st.text("ab", min_size=1, max_size=2), "quantity": st.integers(1, 3)},
        optional={"capture_id": st.sampled_from([None, "a", "b"])},
    ),
    min_size=1,
    max_size=2,
)
TOLD = st.fixed_dictionaries(
    {"lines": LINES},
    optional={
        "reason": st.sampled_from(["return", "other", None]),
        "reason_text": st.sampled_from(["", "return", None]),
        "requested_by": st.sampled_from(["return", None]),
        "with_shares": st.booleans(),
        "awaits_goods": st.sampled_from([True, False, None]),
        "return_fee_minor": st.integers(0, 1),
    },
)
PLAIN = {name: REQUEST[name] for name in ("merchant_id", "idempotency_key", "order_id", "kind")}


@settings(max_examples=300, deadline=None)
@given(TOLD, TOLD)
def test_two_requests_have_one_fingerprint_exactly_when_they_are_equal(
    first: Json, second: Json
) -> None:
    one, two = parse(RefundRequestV1, PLAIN | first), parse(RefundRequestV1, PLAIN | second)
    assert (fingerprint(one) == fingerprint(two)) == (one == two)
    mixed = parse(RefundRequestV1, PLAIN | second | first)
    assert (fingerprint(one) == fingerprint(mixed)) == (one == mixed)


@KINDS
def test_what_is_stored_without_defaults_gives_the_same_message_again(
    model: type[BaseModel], message: Json
) -> None:
    parsed = parse(model, message)
    stored = parsed.model_dump(mode="json", exclude_defaults=True)
    again = parse(model, json.loads(json.dumps(stored)))
    assert again == parsed
    assert fingerprint(again) == fingerprint(parsed)
    assert again.model_dump(mode="json", exclude_defaults=True) == stored


@KINDS
def test_parsing_leaves_what_it_was_given_as_it_was(model: type[BaseModel], message: Json) -> None:
    before = copy.deepcopy(message)
    parse(model, message)
    assert message == before
