"""One value, however it is spelled, is one content; what is spelled absurdly is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from models.messages import names
from models.messages.captures import CaptureRecordV1
from models.messages.parsing import InvalidMessageError, fingerprint, parse
from tests.messages.samples import (
    CAPTURE,
    INSTRUCTIONS,
    MODELS,
    REFUND_ID,
    Json,
    Spot,
    changed,
)


def of(model: type[BaseModel], message: Json) -> bytes:
    """The fingerprint of all that a message tells."""
    return fingerprint(parse(model, message))


MOMENTS = [
    "2026-11-24T10:30:00+01:00",
    "2026-11-24T09:30:00.000Z",
    "2026-11-24 09:30:00+00:00",
    "2026-11-23T23:30:00-10:00",
]
SPELLINGS: list[tuple[str, Json, Spot, str]] = [
    (names.CAPTURES_RECORD, CAPTURE, ("lines", 0, "unit_price"), "40.0"),
    (names.CAPTURES_RECORD, CAPTURE, ("lines", 0, "unit_price"), "40"),
    *(
        (task, message, (field,), moment)
        for task, message, field in (
            (names.CAPTURES_RECORD, CAPTURE, "captured_at"),
            (names.CAPTURES_PAYMENT, INSTRUCTIONS[names.CAPTURES_PAYMENT], "paid_at"),
            (names.DISPUTES_OPENED, INSTRUCTIONS[names.DISPUTES_OPENED], "opened_at"),
            (names.DISPUTES_CLOSED, INSTRUCTIONS[names.DISPUTES_CLOSED], "closed_at"),
        )
        for moment in MOMENTS
    ),
    *(
        (task, message, ("refund_id",), spelling)
        for task, message in INSTRUCTIONS.items()
        if "refund_id" in message
        for spelling in (REFUND_ID.upper(), REFUND_ID.title())
    ),
]


@pytest.mark.parametrize(
    ("task", "message", "spot", "same"),
    SPELLINGS,
    ids=[f"{case[0]} {case[3]}" for case in SPELLINGS],
)
def test_equal_messages_have_one_fingerprint_however_they_spell_a_value(
    task: str, message: Json, spot: Spot, same: str
) -> None:
    """A producer that was rewritten in another language sends the same capture again."""
    model = MODELS[task]
    assert parse(model, changed(message, spot, same)) == parse(model, message)
    assert of(model, changed(message, spot, same)) == of(model, message)


@pytest.mark.parametrize("field", ["by", "note", "idempotency_key", "merchant_id"])
def test_texts_are_told_apart_by_case_and_blanks(field: str) -> None:
    """They are the producer's own: nobody else knows which of them mean the same."""
    message, model = INSTRUCTIONS[names.REFUNDS_APPROVE], MODELS[names.REFUNDS_APPROVE]
    told = [message[field], message[field].upper(), message[field] + " ", " " + message[field]]
    assert len({of(model, message | {field: text}) for text in told}) == len(told)


def priced(price: str) -> Json:
    """The capture with a second line of this unit price."""
    line = {"line_id": "2", "quantity": 1, "total_amount_minor": 10_000}
    paid = CAPTURE | {"customer_paid_minor": 1, "order_amount_minor": None}
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
