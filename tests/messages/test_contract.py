"""The wire contract: what is refused, which field is named, and what never changes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from models.messages import names
from models.messages.captures import CaptureRecordV1
from models.messages.parsing import InvalidMessageError, fingerprint, parse
from models.messages.refunds import RefundRequestV1
from models.values import limits
from tests.messages.samples import MODELS
from worker.steps.accepting import NOT_CONTENT

FIXTURES = sorted((Path(__file__).parent / "fixtures/v1").glob("*.json"))

LINE: dict[str, Any] = {
    "line_id": "1",
    "quantity": 2,
    "unit_price": "1.255",
    "total_amount_minor": 251,
}
CAPTURE: dict[str, Any] = {
    "merchant_id": "m",
    "order_id": "o",
    "capture_id": "c",
    "captured_at": "2026-01-01T00:00:00Z",
    "market": "DE",
    "currency": "EUR",
    "provider": "sandbox",
    "lines": [LINE],
}
REQUEST: dict[str, Any] = {
    "merchant_id": "m",
    "idempotency_key": "k",
    "order_id": "o",
    "kind": "lines",
    "lines": [{"line_id": "1", "quantity": 1}],
}


def with_line(**changed: Any) -> dict[str, Any]:
    return {"lines": [LINE | changed]}


BAD_CAPTURES: list[tuple[dict[str, Any], str]] = [
    ({"amount": 1}, "amount"),
    ({"merchant_id": None}, "merchant_id"),
    ({"merchant_id": ""}, "merchant_id"),
    ({"merchant_id": "   "}, "merchant_id"),
    ({"merchant_id": "x" * 256}, "merchant_id"),
    ({"merchant_id": "a\x00b"}, "merchant_id"),
    ({"merchant_id": "a\nb"}, "merchant_id"),
    ({"merchant_id": "\ud800"}, "merchant_id"),
    ({"merchant_id": 5}, "merchant_id"),
    ({"captured_at": "2026-01-01T00:00:00"}, "captured_at"),
    ({"captured_at": 1767225600}, "captured_at"),
    ({"captured_at": "yesterday"}, "captured_at"),
    ({"captured_at": "0001-01-01T00:00:00Z"}, "captured_at"),
    ({"market": "UK"}, "market"),
    ({"market": "de"}, "market"),
    ({"currency": "XAU"}, "currency"),
    ({"currency": "eur"}, "currency"),
    ({"currency": "ABC"}, "currency"),
    ({"provider": "Sand Box"}, "provider"),
    ({"provider_references": {"a": 1}}, "provider_references.a"),
    ({"lines": []}, "lines"),
    ({"lines": [LINE | {"line_id": str(n)} for n in range(1001)]}, "lines"),
    ({"lines": "abc"}, "lines"),
    (with_line(quantity=2.0), "lines[0].quantity"),
    (with_line(quantity=True), "lines[0].quantity"),
    (with_line(quantity="2"), "lines[0].quantity"),
    (with_line(quantity=0), "lines[0].quantity"),
    (with_line(quantity=-1), "lines[0].quantity"),
    (with_line(total_amount_minor=float("nan")), "lines[0].total_amount_minor"),
    (with_line(total_amount_minor=10**30), "lines[0].total_amount_minor"),
    (with_line(total_amount_minor=-251, unit_price=None), "lines[0].total_amount_minor"),
    (with_line(total_amount_minor=2510), "lines[0].total_amount_minor"),
    (with_line(type="sales_tax", total_amount_minor=-1), "lines[0].total_amount_minor"),
    (with_line(line_id="return_fee:1"), "lines[0].line_id"),
    (with_line(type="discount"), "lines[0].total_amount_minor"),
    (with_line(type="gift"), "lines[0].type"),
    (with_line(unit_price=1.255), "lines[0].unit_price"),
    (with_line(unit_price="NaN"), "lines[0].unit_price"),
    (with_line(unit_price="1e400"), "lines[0].unit_price"),
    (with_line(total_tax_minor=252), "lines[0].total_tax_minor"),
    (with_line(total_tax_minor=-1), "lines[0].total_tax_minor"),
    (with_line(total_discount_minor=-1), "lines[0].total_discount_minor"),
    (with_line(tax_rate=-1), "lines[0].tax_rate"),
    ({"lines": [LINE, LINE]}, "lines[1].line_id"),
    (with_line(total_amount_minor=0, unit_price=None), "lines"),
    ({"customer_paid_minor": 252}, "customer_paid_minor"),
    ({"customer_paid_minor": -1}, "customer_paid_minor"),
    ({"order_amount_minor": 250}, "order_amount_minor"),
    ({"order_amount_minor": 0}, "order_amount_minor"),
    ({"version": 2}, "version"),
]

BAD_REQUESTS: list[tuple[dict[str, Any], str]] = [
    ({"amont_minor": 1}, "amont_minor"),
    ({"idempotency_key": ""}, "idempotency_key"),
    ({"kind": "all"}, "kind"),
    ({"kind": "full"}, "lines"),
    ({"lines": []}, "lines"),
    ({"kind": "amount", "lines": []}, "amount_minor"),
    ({"kind": "full", "lines": [], "amount_minor": 5}, "amount_minor"),
    ({"amount_minor": 0}, "amount_minor"),
    ({"lines": [{"line_id": "1"}]}, "lines[0].quantity"),
    ({"lines": [{"line_id": "1", "quantity": 1, "amount_minor": 1}]}, "lines[0].quantity"),
    ({"lines": [{"line_id": "1", "quantity": 0}]}, "lines[0].quantity"),
    ({"lines": [{"line_id": "1", "amount_minor": -5}]}, "lines[0].amount_minor"),
    ({"lines": [{"line_id": "1", "quantity": limits.QUANTITY_MAX + 1}]}, "lines[0].quantity"),
    ({"return_fee_minor": -1}, "return_fee_minor"),
    ({"return_fee_minor": 1.5}, "return_fee_minor"),
    ({"currency": "EURO"}, "currency"),
    ({"idempotency_key": "chargeback:1"}, "idempotency_key"),
    ({"reason": "x" * 65}, "reason"),
    ({"reason": "too small"}, "reason"),
    ({"reason_text": "x" * (limits.NOTE_MAX_LENGTH + 1)}, "reason_text"),
    ({"requested_by": ""}, "requested_by"),
    ({"awaits_goods": "yes"}, "awaits_goods"),
    ({"with_shares": None}, "with_shares"),
    ({"capture_id": "c"}, "capture_id"),
    ({"requested_at": "2026-01-01"}, "requested_at"),
]


def shown(case: Any) -> str:
    return str(case)[:60].encode("ascii", "replace").decode()


@pytest.mark.parametrize(("changed", "field"), BAD_CAPTURES, ids=shown)
def test_a_capture_that_breaks_the_contract_names_the_field(
    changed: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidMessageError) as raised:
        parse(CaptureRecordV1, CAPTURE | changed)
    assert field in [fault.field for fault in raised.value.faults]


@pytest.mark.parametrize(("changed", "field"), BAD_REQUESTS, ids=shown)
def test_a_request_that_breaks_the_contract_names_the_field(
    changed: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidMessageError) as raised:
        parse(RefundRequestV1, REQUEST | changed)
    assert [fault.field for fault in raised.value.faults] == [field]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_no_json_raises_anything_but_a_named_fault(model: type[BaseModel], value: Any) -> None:
    with pytest.raises(InvalidMessageError) as raised:
        parse(model, value)
    assert str(raised.value)


def faults(model: type[BaseModel], value: dict[str, Any]) -> list[str]:
    """The fields at fault; none when the message parses."""
    try:
        parse(model, value)
    except InvalidMessageError as error:
        return [fault.field for fault in error.faults]
    return []


@given(st.sampled_from(sorted(CAPTURE)), JSON)
def test_any_change_of_a_capture_parses_or_names_that_field(field: str, value: Any) -> None:
    for named in faults(CaptureRecordV1, CAPTURE | {field: value}):
        assert named.split("[")[0].split(".")[0] == field


@given(st.sampled_from(sorted(REQUEST)), JSON)
def test_any_change_of_a_request_parses_or_names_a_field(field: str, value: Any) -> None:
    assert all(faults(RefundRequestV1, REQUEST | {field: value}))


def test_a_fingerprint_is_of_the_content_alone() -> None:
    first = fingerprint(parse(RefundRequestV1, REQUEST), without=NOT_CONTENT)
    turned = dict(reversed(REQUEST.items())) | {"version": 1, "return_fee_minor": 0, "reason": None}
    turned |= {"with_shares": True, "requested_by": None, "awaits_goods": None}
    timed = REQUEST | {"requested_at": "2026-01-01T00:00:00+01:00"}
    for same in (turned, timed):
        assert fingerprint(parse(RefundRequestV1, same), without=NOT_CONTENT) == first
    for field, value in (
        ("order_id", "p"),
        ("merchant_id", "n"),
        ("reason", "return"),
        ("lines", [{"line_id": "1", "quantity": 2}]),
        ("lines", [{"line_id": "1", "amount_minor": 1}]),
    ):
        other = parse(RefundRequestV1, REQUEST | {field: value})
        assert fingerprint(other, without=NOT_CONTENT) != first, field


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_version_1_messages_parse_for_ever_with_the_same_fingerprint(path: Path) -> None:
    """Never change these files: producers have such messages in flight and keys in use."""
    fixture = json.loads(path.read_text())
    message = parse(MODELS[fixture["task"]], fixture["message"])
    not_content = NOT_CONTENT if fixture["task"] == names.REFUNDS_REQUEST else frozenset[str]()
    assert fingerprint(message, without=not_content).hex() == fixture["fingerprint"]
    again = parse(type(message), message.model_dump(mode="json", exclude_defaults=True))
    assert again == message


def test_a_fixture_of_every_message_and_kind_is_kept() -> None:
    found = [json.loads(path.read_text()) for path in FIXTURES]
    assert {one["task"] for one in found} == set(MODELS)
    kinds = {one["message"]["kind"] for one in found if one["task"] == names.REFUNDS_REQUEST}
    assert kinds == {"full", "lines", "amount"}
    prints = [bytes.fromhex(one["fingerprint"]) for one in found]
    assert all(len(one) == 32 for one in prints)


def test_the_limits_of_version_1_stay_as_they_are() -> None:
    """Producers rely on what is taken; tables and providers on what is not."""
    assert limits.AMOUNT_MAX_MINOR == 10**12
    assert limits.QUANTITY_MAX == 10**9
    assert limits.TAX_RATE_MAX_BASIS_POINTS == 100_000
    assert (limits.LINES_MAX, limits.REFERENCES_MAX) == (1_000, 20)
    assert (limits.ID_MAX_LENGTH, limits.NAME_MAX_LENGTH) == (255, 255)
    assert (limits.PERSON_MAX_LENGTH, limits.NOTE_MAX_LENGTH) == (64, 1_000)


@pytest.mark.parametrize("task", MODELS)
def test_the_fixtures_of_a_message_tell_each_of_its_fields(task: str) -> None:
    """So no field can be renamed, or lose what it takes, unnoticed."""
    found = [json.loads(path.read_text()) for path in FIXTURES]
    told = {field for one in found if one["task"] == task for field in one["message"]}
    assert told | {"version"} == set(MODELS[task].model_fields)
    if task in (names.CAPTURES_RECORD, names.REFUNDS_REQUEST):
        lines = [
            line for one in found if one["task"] == task for line in one["message"].get("lines", [])
        ]
        definitions = MODELS[task].model_json_schema()["$defs"]
        name = "CapturedLineV1" if task == names.CAPTURES_RECORD else "RefundLineV1"
        assert {field for line in lines for field in line} == set(definitions[name]["properties"])


@pytest.mark.parametrize("spelling", ["50", "50.00", "5E+1", "5e1", "0.5E2"])
def test_a_unit_price_may_be_spelled_with_an_exponent_as_in_real_exports(spelling: str) -> None:
    changed = with_line(unit_price=spelling, quantity=1, total_amount_minor=5000)
    message = parse(CaptureRecordV1, CAPTURE | changed)
    assert str(message.lines[0].unit_price) == "50"
