"""Amounts and counts at their limits and beyond: a number is taken as it is, or its field named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.messages import names
from models.messages.captures import CaptureRecordV1
from models.messages.parsing import parse
from models.messages.refunds import RefundRequestV1
from models.values import limits
from tests.messages.bad_values import BEYOND
from tests.messages.samples import (
    AMOUNT,
    CAPTURE,
    INSTRUCTIONS,
    MODELS,
    REQUEST,
    Json,
    Spot,
    changed,
    named,
    shown,
)

MOST = limits.AMOUNT_MAX_MINOR
PLAIN: Json = {
    **{name: value for name, value in CAPTURE.items() if name != "order_amount_minor"},
    "lines": [{"line_id": "1", "quantity": 1, "total_amount_minor": MOST}],
}
"""A capture of the largest amount."""

FIELDS: list[tuple[str, Json, Spot, int, int]] = [
    (names.CAPTURES_RECORD, PLAIN, ("lines", 0, "total_amount_minor"), 10_000, MOST),
    (names.CAPTURES_RECORD, PLAIN, ("lines", 0, "total_discount_minor"), 0, MOST),
    (names.CAPTURES_RECORD, PLAIN, ("lines", 0, "total_tax_minor"), 0, MOST),
    (names.CAPTURES_RECORD, PLAIN, ("lines", 0, "quantity"), 1, limits.QUANTITY_MAX),
    (
        names.CAPTURES_RECORD,
        PLAIN,
        ("lines", 0, "tax_rate"),
        0,
        limits.TAX_RATE_MAX_BASIS_POINTS,
    ),
    (names.CAPTURES_RECORD, PLAIN, ("customer_paid_minor",), 0, MOST),
    (names.CAPTURES_RECORD, PLAIN, ("order_amount_minor",), MOST, MOST),
    (names.REFUNDS_REQUEST, REQUEST, ("return_fee_minor",), 0, MOST),
    (names.REFUNDS_REQUEST, REQUEST, ("lines", 0, "quantity"), 1, limits.QUANTITY_MAX),
    (names.REFUNDS_REQUEST, REQUEST, ("lines", 1, "amount_minor"), 1, MOST),
    (names.REFUNDS_REQUEST, AMOUNT, ("amount_minor",), 1, MOST),
    *(
        (task, INSTRUCTIONS[task], ("amount_minor",), 1, MOST)
        for task in (names.CAPTURES_PAYMENT, names.DISPUTES_OPENED, names.DISPUTES_CLOSED)
    ),
]
EACH = pytest.mark.parametrize(
    ("task", "message", "spot", "least", "most"),
    FIELDS,
    ids=[f"{case[0]} {shown(case[2])}" for case in FIELDS],
)


def at(message: Any, spot: Spot) -> Any:
    """What is at a spot of a message."""
    for step in spot:
        message = message[step]
    return message


@EACH
def test_a_number_at_its_limits_is_taken_as_it_is(
    task: str, message: Json, spot: Spot, least: int, most: int
) -> None:
    for number in (least, least + (least < most), most - (least < most), most):
        told = changed(message, spot, number)
        assert named(MODELS[task], told) == []
        parsed = parse(MODELS[task], told).model_dump(mode="json")
        assert at(parsed, spot) == number


@EACH
def test_a_number_beyond_its_limits_is_named_however_large_it_is(
    task: str, message: Json, spot: Spot, least: int, most: int
) -> None:
    beyond = [most + 1, *BEYOND, 10**18, 10**400, 10**5000]
    for number in (*beyond, *(-one for one in beyond)):
        assert named(MODELS[task], changed(message, spot, number)) == [shown(spot)]


@EACH
@given(number=st.integers(-(2**70), 2**70), exactly=st.booleans())
def test_no_number_is_ever_taken_as_another_one(
    *, task: str, message: Json, spot: Spot, least: int, most: int, number: int, exactly: bool
) -> None:
    told = changed(message, spot, number if exactly else float(number))
    faults = named(MODELS[task], told)
    assert all(faults)
    if not faults:
        assert exactly
        assert least <= number <= most
        assert at(parse(MODELS[task], told).model_dump(mode="json"), spot) == number
    elif least <= number <= most and exactly:
        assert faults == ["lines"]  # the sum alone


def lines(*totals: int, kind: str = "gift_card") -> Json:
    """Lines of these totals; negative ones are of the kind."""
    return {
        "lines": [
            {"line_id": str(n), "quantity": 1, "total_amount_minor": total}
            | ({"type": kind} if total < 0 else {})
            for n, total in enumerate(totals)
        ],
        "customer_paid_minor": 0,
    }


@pytest.mark.parametrize("kind", ["discount", "gift_card", "store_credit"])
def test_a_sum_may_pass_the_limit_on_its_way_but_not_at_its_end(kind: str) -> None:
    assert named(CaptureRecordV1, PLAIN | lines(MOST, MOST, -MOST, kind=kind)) == []
    assert named(CaptureRecordV1, PLAIN | lines(MOST, 1, -1, kind=kind)) == []
    assert named(CaptureRecordV1, PLAIN | lines(MOST, 2, -1, kind=kind)) == ["lines"]
    assert named(CaptureRecordV1, PLAIN | lines(MOST, -MOST, kind=kind)) == ["lines"]
    assert named(CaptureRecordV1, PLAIN | lines(-MOST, -MOST, kind=kind)) == ["lines"]


def test_a_thousand_lines_of_the_largest_amount_do_not_overflow() -> None:
    message = PLAIN | lines(*[MOST] * limits.LINES_MAX)
    assert named(CaptureRecordV1, message) == ["lines"]
    message = PLAIN | lines(MOST, *[-MOST] * (limits.LINES_MAX - 1))
    assert named(CaptureRecordV1, message) == ["lines"]


def test_an_endless_integer_is_a_fault_like_any_other() -> None:
    for model, message in ((RefundRequestV1, REQUEST), (CaptureRecordV1, CAPTURE)):
        for field in message:
            (first, *_) = named(model, message | {field: 10**5000})
            assert first == field
