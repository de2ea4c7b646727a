"""A fingerprint is of a message's content: of all of it, and of nothing else."""

import copy
import json
import random
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from models.messages.captures import CaptureRecordV1
from models.messages.parsing import InvalidMessageError, fingerprint, parse
from models.messages.refunds import RefundRequestV1
from tests.messages.test_malformed import AMOUNT, CAPTURE, REQUEST, Json, changed
from worker.steps.accepting import NOT_CONTENT

FIXTURES = Path(__file__).parent / "fixtures/v1"
MESSAGES: list[tuple[type[BaseModel], Json]] = [
    (CaptureRecordV1, CAPTURE),
    (RefundRequestV1, REQUEST),
    (RefundRequestV1, AMOUNT),
]
KINDS = pytest.mark.parametrize(
    ("model", "message"), MESSAGES, ids=["capture", "request", "amount"]
)


def of(model: type[BaseModel], message: Json) -> bytes:
    return fingerprint(parse(model, message), without=NOT_CONTENT)


def shuffled(value: Any, order: random.Random) -> Any:
    """The same JSON with the keys of every object in another order."""
    if isinstance(value, dict):
        items = list(value.items())
        order.shuffle(items)
        return {name: shuffled(inner, order) for name, inner in items}
    if isinstance(value, list):
        return [shuffled(inner, order) for inner in value]
    return value


def with_defaults(model: type[BaseModel], message: Json) -> Json:
    """The same message with every default written out."""
    written: Json = json.loads(parse(model, message).model_dump_json())
    return written


@KINDS
@settings(deadline=None)
@given(order=st.randoms(use_true_random=False))
def test_the_order_of_keys_is_no_content(
    model: type[BaseModel], message: Json, order: random.Random
) -> None:
    assert of(model, shuffled(message, order)) == of(model, message)


def test_the_order_of_names_that_the_producer_chose_is_no_content() -> None:
    names = {"order_id": "ord-9", "capture_id": "cap-9"}
    turned = dict(reversed(names.items()))
    assert of(CaptureRecordV1, CAPTURE | {"provider_references": names}) == of(
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
    written = with_defaults(model, message)
    assert len(json.dumps(written)) > len(json.dumps(message, ensure_ascii=False))
    assert of(model, written) == of(model, message)


def test_the_moment_of_asking_is_no_content_of_a_request_unless_it_is_counted() -> None:
    for moment in ("2026-11-24T09:30:01+01:00", None):
        other = REQUEST | {"requested_at": moment}
        assert of(RefundRequestV1, other) == of(RefundRequestV1, REQUEST)
        assert fingerprint(parse(RefundRequestV1, other)) != fingerprint(
            parse(RefundRequestV1, REQUEST)
        )


CAPTURE_TEXTS = ("merchant_id", "order_id", "capture_id", "provider")
REQUEST_TEXTS = ("merchant_id", "idempotency_key", "order_id", "reason", "reference")
FREE = {"line_id": "3", "quantity": 1, "total_amount_minor": 0}
CHANGES: list[tuple[type[BaseModel], Json, tuple[str | int, ...], Any]] = [
    *((CaptureRecordV1, CAPTURE, (name,), "other") for name in CAPTURE_TEXTS),
    (CaptureRecordV1, CAPTURE, ("captured_at",), "2026-11-24T09:30:01Z"),
    (CaptureRecordV1, CAPTURE, ("market",), "NO"),
    (CaptureRecordV1, CAPTURE, ("currency",), "NOK"),
    (CaptureRecordV1, CAPTURE, ("provider_references",), {}),
    (CaptureRecordV1, CAPTURE, ("provider_references", "order_id"), "ord-8"),
    (CaptureRecordV1, CAPTURE, ("provider_references", "capture_id"), "ord-9"),
    (CaptureRecordV1, CAPTURE, ("customer_paid_minor",), 9_999),
    (CaptureRecordV1, CAPTURE, ("customer_paid_minor",), 0),
    (CaptureRecordV1, CAPTURE, ("lines",), CAPTURE["lines"][::-1]),
    (CaptureRecordV1, CAPTURE, ("lines",), [*CAPTURE["lines"], FREE]),
    (CaptureRecordV1, CAPTURE, ("lines", 0, "line_id"), "01"),
    (CaptureRecordV1, CAPTURE, ("lines", 0, "type"), "digital"),
    (CaptureRecordV1, CAPTURE, ("lines", 0, "reference"), "sku"),
    (CaptureRecordV1, CAPTURE, ("lines", 0, "name"), ""),
    (CaptureRecordV1, CAPTURE, ("lines", 0, "unit_price"), None),
    (CaptureRecordV1, CAPTURE, ("lines", 0, "total_amount_minor"), 11_001),
    (CaptureRecordV1, CAPTURE, ("lines", 0, "total_discount_minor"), 1_001),
    (CaptureRecordV1, CAPTURE, ("lines", 0, "tax_rate"), 0),
    (CaptureRecordV1, CAPTURE, ("lines", 0, "total_tax_minor"), 0),
    (CaptureRecordV1, CAPTURE, ("lines", 1, "quantity"), 2),
    *((RefundRequestV1, REQUEST, (name,), "other") for name in REQUEST_TEXTS),
    (RefundRequestV1, REQUEST, ("currency",), None),
    (RefundRequestV1, REQUEST, ("currency",), "NOK"),
    (RefundRequestV1, REQUEST, ("reason",), None),
    (RefundRequestV1, REQUEST, ("return_fee_minor",), 0),
    (RefundRequestV1, REQUEST, ("lines",), REQUEST["lines"][::-1]),
    (RefundRequestV1, REQUEST, ("lines",), REQUEST["lines"][:1]),
    (RefundRequestV1, REQUEST, ("lines", 0, "quantity"), 1),
    (RefundRequestV1, REQUEST, ("lines", 0, "capture_id"), None),
    (RefundRequestV1, REQUEST, ("lines", 1), {"line_id": "1", "quantity": 7}),
    (RefundRequestV1, AMOUNT, ("amount_minor",), 8),
]


@pytest.mark.parametrize(
    ("model", "message", "path", "value"),
    CHANGES,
    ids=[f"{case[2]}={case[3]!r:.20}" for case in CHANGES],
)
def test_whatever_else_is_changed_changes_the_fingerprint(
    model: type[BaseModel], message: Json, path: tuple[str | int, ...], value: Any
) -> None:
    assert of(model, changed(message, path, value)) != of(model, message)


def test_every_field_of_the_contract_has_such_a_change() -> None:
    """`version` has one value, and `kind` cannot change alone."""
    found = {(case[0], *(step for step in case[2] if isinstance(step, str))) for case in CHANGES}
    for model in (CaptureRecordV1, RefundRequestV1):
        for field in set(model.model_fields) - {"version", "kind", "requested_at"}:
            assert (model, field) in found, field
    line_fields = {path[2] for path in found if path[:2] == (CaptureRecordV1, "lines") and path[2:]}
    lines = CaptureRecordV1.model_json_schema()["$defs"]["CapturedLineV1"]["properties"]
    assert line_fields == set(lines)


LINES = st.lists(
    st.fixed_dictionaries(
        {"line_id": st.text("ab", min_size=1, max_size=2), "quantity": st.integers(1, 3)},
        optional={"capture_id": st.sampled_from([None, "a", "b"])},
    ),
    min_size=1,
    max_size=3,
)


@settings(deadline=None)
@given(LINES, LINES, st.sampled_from(["r", None]), st.sampled_from(["r", None]))
def test_two_requests_have_one_fingerprint_exactly_when_they_are_equal(
    first: list[Json], second: list[Json], reason: str | None, other: str | None
) -> None:
    one = parse(RefundRequestV1, REQUEST | {"lines": first, "reason": reason})
    two = parse(RefundRequestV1, REQUEST | {"lines": second, "reason": other})
    assert (fingerprint(one) == fingerprint(two)) == (one == two)


@pytest.mark.parametrize(
    ("model", "message", "path", "same"),
    [
        (CaptureRecordV1, CAPTURE, ("lines", 0, "unit_price"), "40.0"),
        (CaptureRecordV1, CAPTURE, ("lines", 0, "unit_price"), "40"),
        (CaptureRecordV1, CAPTURE, ("captured_at",), "2026-11-24T10:30:00+01:00"),
    ],
)
def test_equal_messages_have_one_fingerprint_however_they_spell_a_value(
    model: type[BaseModel], message: Json, path: tuple[str | int, ...], same: str
) -> None:
    """A producer that was rewritten in another language sends the same capture again."""
    assert parse(model, changed(message, path, same)) == parse(model, message)
    assert of(model, changed(message, path, same)) == of(model, message)


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


def test_a_fixture_of_every_message_and_kind_is_kept() -> None:
    found = [json.loads(path.read_text()) for path in FIXTURES.glob("*.json")]
    assert {one["task"] for one in found} == {"captures.record", "refunds.request"}
    kinds = {one["message"]["kind"] for one in found if one["task"] == "refunds.request"}
    assert kinds == {"full", "lines", "amount"}
    assert all(len(bytes.fromhex(one["fingerprint"])) == 32 for one in found)


def priced(price: str) -> Json:
    """The capture with a second line of this unit price."""
    line = {"line_id": "2", "quantity": 1, "total_amount_minor": 10_000}
    paid = changed(CAPTURE, ("customer_paid_minor",), 1)
    return changed(paid, ("lines", 1), line | {"unit_price": price})


@pytest.mark.parametrize("price", ["100.00", "100.000000", "0100", "1E+2", "1e2", "1000e-1"])
def test_a_price_with_an_exponent_or_more_zeros_is_the_same_price(price: str) -> None:
    """Spreadsheets write 5E+1."""
    assert of(CaptureRecordV1, priced(price)) == of(CaptureRecordV1, priced("100"))


@pytest.mark.parametrize("price", ["1e99", "1e999999999", "1e-9", "9e14"])
def test_an_exponent_that_is_absurd_is_refused_at_once(price: str) -> None:
    with pytest.raises(InvalidMessageError) as raised:
        parse(CaptureRecordV1, priced(price))
    assert [fault.field for fault in raised.value.faults] == ["lines[1].unit_price"]


def test_minus_nothing_is_nothing() -> None:
    free = changed(priced("0"), ("lines", 1, "total_amount_minor"), 0)
    minus = changed(free, ("lines", 1, "unit_price"), "-0")
    assert parse(CaptureRecordV1, minus) == parse(CaptureRecordV1, free)
    assert of(CaptureRecordV1, minus) == of(CaptureRecordV1, free)


@pytest.mark.parametrize("moment", ["2000-01-01T00:30:00+01:00", "2200-12-31T23:30:00-01:00"])
def test_the_year_that_counts_is_that_of_the_moment_in_utc(moment: str) -> None:
    """A moment that was taken would else be refused when it is read again as it is stored."""
    with pytest.raises(InvalidMessageError, match="captured_at: the year"):
        parse(CaptureRecordV1, CAPTURE | {"captured_at": moment})


@settings(deadline=None)
@given(
    st.datetimes(datetime(2000, 1, 3), datetime(2200, 12, 29)),  # noqa: DTZ001 - UTC is put on below
    st.integers(-14 * 60, 14 * 60),
)
def test_one_moment_has_one_fingerprint_in_every_time_zone(moment: datetime, minutes: int) -> None:
    at = moment.replace(tzinfo=UTC)
    there = at.astimezone(timezone(timedelta(minutes=minutes)))
    assert of(CaptureRecordV1, CAPTURE | {"captured_at": there.isoformat()}) == of(
        CaptureRecordV1, CAPTURE | {"captured_at": at.isoformat()}
    )
