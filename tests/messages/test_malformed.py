"""Every field of captures and requests with everything it must refuse: the field is named."""

import copy
from typing import Any

import pytest
from pydantic import BaseModel

from models.messages.captures import CapturedLineV1, CaptureRecordV1
from models.messages.refunds import RefundLineV1, RefundRequestV1
from models.values import limits
from models.values.states import Reason
from tests.messages import bad_values as bad
from tests.messages.samples import (
    AMOUNT,
    CAPTURE,
    FULL,
    REQUEST,
    SAMPLES,
    Json,
    Spot,
    changed,
    named,
    shown,
)

Table = list[tuple[Spot, list[Any]]]
LINE = ("lines", 0)

CAPTURE_TABLE: Table = [
    *(((name,), [*bad.BAD_IDENTIFIERS, None]) for name in ("merchant_id", "order_id")),
    (("capture_id",), [*bad.BAD_IDENTIFIERS, None]),
    (("version",), bad.BAD_VERSIONS),
    (("captured_at",), [*bad.BAD_MOMENTS, None]),
    (("market",), [*bad.BAD_MARKETS, None]),
    (("currency",), [*bad.BAD_CURRENCIES, None]),
    (("provider",), [*bad.BAD_PROVIDERS, *bad.NO_TEXT, None]),
    (("provider_references",), [None, [], "a", 1, True, float("nan")]),
    (("provider_references", "order_id"), [*bad.BAD_IDENTIFIERS, None]),
    (("lines",), [[], None, {}, "", "abc", 1, True, {"0": {}}, float("nan"), "\ud800"]),
    (LINE, [None, [], "a", 1, True, [{}], float("nan")]),
    ((*LINE, "line_id"), [*bad.BAD_IDENTIFIERS, None, "return_fee:", "return_fee:1"]),
    ((*LINE, "type"), bad.BAD_LINE_TYPES),
    ((*LINE, "reference"), [*bad.BAD_NAMES, None]),
    ((*LINE, "name"), [*bad.BAD_NAMES, None]),
    ((*LINE, "quantity"), [*bad.BAD_QUANTITIES, None]),
    ((*LINE, "unit_price"), bad.BAD_PRICES),
    ((*LINE, "total_amount_minor"), [*bad.BAD_SIGNED, None]),
    ((*LINE, "total_discount_minor"), [*bad.BAD_NON_NEGATIVE, None]),
    ((*LINE, "tax_rate"), [*bad.BAD_RATES, None]),
    ((*LINE, "total_tax_minor"), [*bad.BAD_SIGNED, None, -1, 11_001]),
    (("lines", 1, "total_amount_minor"), [1, 500, *bad.BAD_SIGNED]),
    (("lines", 1, "total_tax_minor"), [1, -501]),
    (("lines", 1, "line_id"), ["1"]),
    (("customer_paid_minor",), [*bad.BAD_NON_NEGATIVE, 10_501]),
    (("order_amount_minor",), [*bad.BAD_POSITIVE, 1, 10_499]),
]
REQUEST_TABLE: Table = [
    *(((name,), [*bad.BAD_IDENTIFIERS, None]) for name in ("merchant_id", "order_id")),
    (
        ("idempotency_key",),
        [*bad.BAD_IDENTIFIERS, None, "chargeback:", "chargeback:dispute", "chargeback:\u2603"],
    ),
    (("version",), bad.BAD_VERSIONS),
    (("kind",), bad.BAD_KINDS),
    (("currency",), bad.BAD_CURRENCIES),
    (("lines",), [[], None, {}, "", "abc", 1, True, float("nan"), "\ud800"]),
    (LINE, [None, [], "a", 1, True, [{}], float("nan")]),
    ((*LINE, "line_id"), [*bad.BAD_IDENTIFIERS, None]),
    ((*LINE, "capture_id"), bad.BAD_IDENTIFIERS),
    ((*LINE, "quantity"), [*bad.BAD_QUANTITIES, None]),
    (("lines", 1, "amount_minor"), bad.BAD_POSITIVE),
    (("amount_minor",), [*bad.BAD_POSITIVE, 5]),
    (("capture_id",), [*bad.BAD_IDENTIFIERS, "capture"]),
    (("with_shares",), [*bad.BAD_BOOLEANS, None]),
    (("return_fee_minor",), [*bad.BAD_NON_NEGATIVE, None]),
    (("reason",), bad.BAD_REASONS),
    (("reason_text",), bad.BAD_NOTES),
    (("reference",), bad.BAD_NAMES),
    (("requested_by",), bad.BAD_PERSONS),
    (("requested_at",), bad.BAD_MOMENTS),
    (("awaits_goods",), bad.BAD_BOOLEANS),
]
FULL_TABLE: Table = [
    (("capture_id",), bad.BAD_IDENTIFIERS),
    (("with_shares",), [*bad.BAD_BOOLEANS, None, False]),
    (("amount_minor",), [*bad.BAD_POSITIVE, 5]),
    (("lines",), [None, {}, "", "abc", 1, True]),
]
AMOUNT_TABLE: Table = [
    (("capture_id",), bad.BAD_IDENTIFIERS),
    (("with_shares",), [*bad.BAD_BOOLEANS, None, False]),
    (("amount_minor",), [*bad.BAD_POSITIVE, None]),
]


def cases(message: Json, table: Table) -> list[Any]:
    """The message with each bad value at its spot, and the field that must be named."""
    return [
        pytest.param(
            changed(message, spot, value), shown(spot), id=f"{shown(spot)}={ascii(value)[:30]}"
        )
        for spot, values in table
        for value in values
    ]


@pytest.mark.parametrize(("message", "field"), cases(CAPTURE, CAPTURE_TABLE))
def test_a_capture_names_exactly_the_field_that_is_wrong(message: Json, field: str) -> None:
    assert named(CaptureRecordV1, message) == [field]


@pytest.mark.parametrize(("message", "field"), cases(REQUEST, REQUEST_TABLE))
def test_a_request_names_exactly_the_field_that_is_wrong(message: Json, field: str) -> None:
    assert named(RefundRequestV1, message) == [field]


@pytest.mark.parametrize(("message", "field"), cases(FULL, FULL_TABLE))
def test_a_request_for_all_names_exactly_the_field_that_is_wrong(message: Json, field: str) -> None:
    assert named(RefundRequestV1, message) == [field]


@pytest.mark.parametrize(("message", "field"), cases(AMOUNT, AMOUNT_TABLE))
def test_a_request_for_an_amount_names_exactly_the_field_that_is_wrong(
    message: Json, field: str
) -> None:
    assert named(RefundRequestV1, message) == [field]


@pytest.mark.parametrize("name", SAMPLES)
def test_what_the_tables_are_made_from_is_valid(name: str) -> None:
    model, message = SAMPLES[name]
    assert named(model, message) == []


def test_the_tables_leave_out_no_field() -> None:
    for model, line, table in (
        (CaptureRecordV1, CapturedLineV1, CAPTURE_TABLE),
        (RefundRequestV1, RefundLineV1, REQUEST_TABLE),
    ):
        assert {spot[0] for spot, _ in table} == set(model.model_fields)
        inner = {spot[2] for spot, _ in table if spot[0] == "lines" and len(spot) == 3}
        assert inner == set(line.model_fields)


@pytest.mark.parametrize("name", SAMPLES)
def test_an_absent_field_is_named_unless_it_has_a_default(name: str) -> None:
    model, message = SAMPLES[name]
    required = [field for field, info in model.model_fields.items() if info.is_required()]
    for field in required:
        without = {told: value for told, value in message.items() if told != field}
        assert named(model, without) == [field]
    assert named(model, {}) == required


@pytest.mark.parametrize("inner", ["line_id", "quantity", "total_amount_minor"])
def test_an_absent_field_of_a_captured_line_is_named(inner: str) -> None:
    message = copy.deepcopy(CAPTURE)
    del message["lines"][0][inner]
    assert named(CaptureRecordV1, message) == [f"lines[0].{inner}"]


def test_a_refunded_line_needs_its_id_and_one_measure() -> None:
    for line, field in [
        ({"quantity": 1}, "line_id"),
        ({"line_id": "1"}, "quantity"),
        ({"line_id": "1", "quantity": None, "amount_minor": None}, "quantity"),
        ({"line_id": "1", "quantity": 1, "amount_minor": 1}, "quantity"),
    ]:
        message = REQUEST | {"lines": [REQUEST["lines"][0], line]}
        assert named(RefundRequestV1, message) == [f"lines[1].{field}"]


UNKNOWN = ["amount", "Merchant_id", "merchantId", "quantity ", "with_share", "reasons", "x" * 500]


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_an_unknown_field_is_named_on_every_level(unknown: str) -> None:
    for model, message in SAMPLES.values():
        assert named(model, message | {unknown: 1}) == [unknown]
        for number in range(len(message.get("lines", []))):
            inner = changed(message, ("lines", number, unknown), None)
            assert named(model, inner) == [f"lines[{number}].{unknown}"]


def test_a_field_of_another_message_is_an_unknown_one() -> None:
    for field in ("tax_rate", "captured_at", "customer_paid_minor", "order_amount_minor", "by"):
        assert named(RefundRequestV1, REQUEST | {field: 1}) == [field]
    for field in ("reason", "requested_by", "awaits_goods", "with_shares", "idempotency_key"):
        assert named(CaptureRecordV1, CAPTURE | {field: None}) == [field]
    for field in ("reason", "with_shares", "awaits_goods", "quantity_minor"):
        inner = changed(REQUEST, (*LINE, field), None)
        assert named(RefundRequestV1, inner) == [f"lines[0].{field}"]


def test_a_thousand_lines_are_taken_and_one_more_is_not() -> None:
    captured = [
        {"line_id": str(n), "quantity": 1, "total_amount_minor": 1}
        for n in range(limits.LINES_MAX + 1)
    ]
    asked = [{"line_id": str(n), "quantity": 1} for n in range(limits.LINES_MAX + 1)]
    unpaid = {name: value for name, value in CAPTURE.items() if name != "customer_paid_minor"}
    assert named(CaptureRecordV1, unpaid | {"lines": captured[:-1]}) == []
    assert named(CaptureRecordV1, unpaid | {"lines": captured}) == ["lines"]
    assert named(RefundRequestV1, REQUEST | {"lines": asked[:-1]}) == []
    assert named(RefundRequestV1, REQUEST | {"lines": asked}) == ["lines"]


def test_too_many_or_ill_named_provider_references_are_named() -> None:
    many = {f"r{n}": "x" for n in range(limits.REFERENCES_MAX + 1)}
    assert named(CaptureRecordV1, CAPTURE | {"provider_references": many}) == [
        "provider_references"
    ]
    for name in ("Order", "1", "", "a b", "a" * 65):
        (field,) = named(CaptureRecordV1, CAPTURE | {"provider_references": {name: "x"}})
        assert field.startswith("provider_references")


@pytest.mark.parametrize("reason", [*Reason, None])
@pytest.mark.parametrize("message", [REQUEST, FULL, AMOUNT], ids=["lines", "full", "amount"])
def test_every_reason_of_the_list_is_taken(message: Json, reason: str | None) -> None:
    assert named(RefundRequestV1, message | {"reason": reason}) == []


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("requested_by", "x" * limits.PERSON_MAX_LENGTH),
        ("requested_by", "\U0001f600" * limits.PERSON_MAX_LENGTH),
        ("requested_by", "J\u00f6rg <joerg@shop.example>"),
        ("reason_text", "x" * limits.NOTE_MAX_LENGTH),
        ("reason_text", "\U0001f600" * limits.NOTE_MAX_LENGTH),
        ("reason_text", "first\r\n\tsecond\x1b\x7f"),
        ("reason_text", ""),
        ("reference", "x" * limits.NAME_MAX_LENGTH),
        ("idempotency_key", "x" * limits.ID_MAX_LENGTH),
        ("idempotency_key", "a chargeback:1"),
        ("idempotency_key", "chargeback"),
        ("idempotency_key", "chargeback-1"),
        ("capture_id", "x" * limits.ID_MAX_LENGTH),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_what_is_just_within_the_limits_is_taken(field: str, text: str) -> None:
    assert named(RefundRequestV1, FULL | {field: text}) == []


def test_a_line_id_is_kept_for_fees_only_where_it_begins_so() -> None:
    for line_id in ("return_fee", "a return_fee:1", "Return_fee:1", "return_fees:1"):
        assert named(CaptureRecordV1, changed(CAPTURE, (*LINE, "line_id"), line_id)) == []
    asked = changed(REQUEST, (*LINE, "line_id"), "return_fee:0f8fad5b")
    assert named(RefundRequestV1, asked) == []


@pytest.mark.parametrize("field", ["merchant_id", "order_id", "idempotency_key", "requested_by"])
def test_the_upper_control_characters_are_control_characters(field: str) -> None:
    """U+009B starts a terminal escape sequence, as ESC [ does."""
    for number in (*range(0x20), *range(0x7F, 0xA0)):
        assert named(RefundRequestV1, REQUEST | {field: f"a{chr(number)}b"}) == [field]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_version_is_an_integer(name: str) -> None:
    model, message = SAMPLES[name]
    assert named(model, message | {"version": 1}) == []
    for version in bad.BAD_VERSIONS:
        assert named(model, message | {"version": version}) == ["version"]


def test_a_model_says_which_of_its_fields_may_be_left_out() -> None:
    """What must be told is the contract with every producer: it never grows."""
    required: dict[type[BaseModel], set[str]] = {
        RefundRequestV1: {"merchant_id", "idempotency_key", "order_id", "kind"},
        RefundLineV1: {"line_id"},
        CapturedLineV1: {"line_id", "quantity", "total_amount_minor"},
        CaptureRecordV1: {
            *("merchant_id", "order_id", "capture_id", "captured_at"),
            *("market", "currency", "provider", "lines"),
        },
    }
    for model, told in required.items():
        assert {n for n, info in model.model_fields.items() if info.is_required()} == told
