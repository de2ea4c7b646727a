"""What the lines of a capture come to: what adds up is taken, and what does not is named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.messages.captures import CaptureRecordV1
from models.messages.parsing import parse
from models.values.states import LineType
from tests.messages.samples import CAPTURE, Json, changed, named

POSITIVE_ONLY = ["physical", "digital", "shipping_fee", "surcharge", "sales_tax", "return_fee"]
TENDERS = ["gift_card", "store_credit"]


def captured(*lines: Json, paid: int | None = None, order: int | None = None) -> Json:
    """A capture of lines that are numbered from 0, and are of one unit if they do not tell."""
    told = [{"line_id": str(n), "quantity": 1} | line for n, line in enumerate(lines)]
    return CAPTURE | {"lines": told, "customer_paid_minor": paid, "order_amount_minor": order}


def worth(total: int, kind: str = "physical", **more: Any) -> Json:
    """A line of this total."""
    return {"type": kind, "total_amount_minor": total, **more}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (captured(worth(100), worth(-100, "discount")), "lines"),
        (captured(worth(100), worth(-101, "discount")), "lines"),
        (captured(worth(100), worth(-60, "gift_card"), worth(-40, "store_credit")), "lines"),
        (captured(worth(-1, "gift_card")), "lines"),
        (captured(worth(0)), "lines"),
        (captured(worth(10**12), worth(1)), "lines"),
        (captured(worth(100), paid=101), "customer_paid_minor"),
        (captured(worth(100), worth(-10, "discount"), paid=91), "customer_paid_minor"),
        (captured(worth(100), worth(-10, "gift_card"), paid=91), "customer_paid_minor"),
        (captured(worth(100), order=99), "order_amount_minor"),
        (captured(worth(100), worth(8, "sales_tax"), order=107), "order_amount_minor"),
        (captured(worth(100), worth(-10, "gift_card"), order=89), "order_amount_minor"),
        (captured(worth(100, unit_price="1.02")), "lines[0].total_amount_minor"),
        (
            captured(worth(100, unit_price="1.00", total_discount_minor=2)),
            "lines[0].total_amount_minor",
        ),
        (captured(worth(100, total_tax_minor=101)), "lines[0].total_tax_minor"),
        (captured(worth(100, total_tax_minor=-1)), "lines[0].total_tax_minor"),
        (
            captured(worth(100), worth(-50, "gift_card", total_tax_minor=1)),
            "lines[1].total_tax_minor",
        ),
        (
            captured(worth(100), worth(-50, "store_credit", total_tax_minor=-51)),
            "lines[1].total_tax_minor",
        ),
        (captured(worth(100), worth(1, "discount")), "lines[1].total_amount_minor"),
    ],
)
def test_sums_that_do_not_add_up_are_named(message: Json, field: str) -> None:
    assert named(CaptureRecordV1, message) == [field]


@pytest.mark.parametrize(
    "message",
    [
        captured(worth(100), worth(-99, "discount")),
        captured(worth(100), worth(-99, "gift_card")),
        captured(worth(100), worth(-50, "store_credit"), worth(-49, "gift_card"), paid=1),
        captured(worth(-50, "gift_card", total_tax_minor=-50), worth(100)),
        captured(worth(-30, "discount", total_tax_minor=-5), worth(100)),
        captured(worth(-30, "discount", quantity=2, unit_price="-0.15"), worth(100)),
        captured(worth(100, "gift_card"), worth(100, "store_credit")),
        captured(worth(0, "discount"), worth(0, "gift_card"), worth(0, "sales_tax"), worth(1)),
        captured(worth(100), worth(8, "sales_tax"), paid=0, order=108),
        captured(worth(100), order=100),
        captured(worth(100), order=10**12),
        captured(worth(100), worth(-10, "gift_card"), order=90),
    ],
)
def test_sums_that_add_up_are_taken(message: Json) -> None:
    assert named(CaptureRecordV1, message) == []


def test_what_was_paid_and_ordered_is_told_at_once_when_both_are_wrong() -> None:
    message = captured(worth(100), paid=101, order=99)
    assert named(CaptureRecordV1, message) == ["customer_paid_minor", "order_amount_minor"]


@pytest.mark.parametrize("kind", LineType)
def test_only_discounts_gift_cards_and_store_credit_are_negative(kind: LineType) -> None:
    negative = named(CaptureRecordV1, captured(worth(100), worth(-1, kind)))
    positive = named(CaptureRecordV1, captured(worth(100), worth(1, kind)))
    assert negative == (["lines[1].total_amount_minor"] if kind in POSITIVE_ONLY else [])
    assert positive == (["lines[1].total_amount_minor"] if kind == "discount" else [])
    assert {*POSITIVE_ONLY, *TENDERS, "discount"} == set(LineType)


@pytest.mark.parametrize(
    ("lines", "accompanied", "gift_card", "store_credit"),
    [
        ([worth(100)], False, 0, 0),
        ([worth(100), worth(50, "shipping_fee"), worth(5, "surcharge")], False, 0, 0),
        ([worth(100), worth(8, "sales_tax")], True, 0, 0),
        ([worth(100), worth(0, "sales_tax")], True, 0, 0),
        ([worth(100), worth(-8, "discount")], True, 0, 0),
        ([worth(100), worth(0, "discount")], False, 0, 0),
        ([worth(100), worth(-8, "gift_card")], True, 8, 0),
        ([worth(100), worth(-8, "store_credit")], True, 0, 8),
        ([worth(100), worth(8, "gift_card"), worth(9, "store_credit")], False, 0, 0),
        ([worth(100), worth(0, "gift_card"), worth(0, "store_credit")], False, 0, 0),
        ([worth(50, "gift_card"), worth(-20, "gift_card"), worth(-7, "gift_card")], True, 27, 0),
        (
            [worth(100), worth(-8, "discount"), worth(-3, "gift_card"), worth(-4, "store_credit")],
            True,
            3,
            4,
        ),
    ],
)
def test_a_capture_tells_what_goes_along_and_what_was_paid_by_other_means(
    lines: list[Json], *, accompanied: bool, gift_card: int, store_credit: int
) -> None:
    capture = parse(CaptureRecordV1, captured(*lines))
    assert capture.is_accompanied is accompanied
    assert capture.tendered_minor(LineType.GIFT_CARD) == gift_card
    assert capture.tendered_minor(LineType.STORE_CREDIT) == store_credit


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=5),
    st.lists(st.tuples(st.sampled_from(TENDERS), st.integers(-(10**9), 10**9)), max_size=5),
    st.integers(-2, 2),
)
def test_captured_and_tendered_come_to_what_was_sold(
    goods: list[int], tenders: list[tuple[str, int]], beyond: int
) -> None:
    total = sum(goods) + sum(amount for _, amount in tenders)
    lines = [worth(amount) for amount in goods] + [worth(a, kind) for kind, a in tenders]
    if total <= 0:
        assert named(CaptureRecordV1, captured(*lines)) == ["lines"]
        return
    capture = parse(CaptureRecordV1, captured(*lines))
    assert capture.captured_minor == capture.paid_minor == total
    sold = sum(goods) + sum(amount for _, amount in tenders if amount > 0)
    tendered = sum(capture.tendered_minor(LineType(kind)) for kind in TENDERS)
    assert capture.captured_minor + tendered == sold
    told = max(total + beyond, 1)
    ordered = named(CaptureRecordV1, captured(*lines, order=told))
    assert ordered == ([] if told >= total else ["order_amount_minor"])


DECIMALS = {
    **dict.fromkeys(["JPY", "KRW", "CLP", "ISK", "VND", "XOF"], 0),
    **dict.fromkeys(["EUR", "SEK", "USD", "GBP", "HUF", "AUD"], 2),
    **dict.fromkeys(["KWD", "BHD", "JOD", "OMR", "TND", "IQD"], 3),
    **dict.fromkeys(["UYW", "CLF"], 4),
}


@pytest.mark.parametrize(("currency", "decimals"), DECIMALS.items())
@pytest.mark.parametrize(("price", "quantity"), [("7", 1), ("12", 3), ("250", 40), ("-3", 2)])
def test_a_unit_price_is_in_major_units_of_the_currency(
    currency: str, decimals: int, price: str, quantity: int
) -> None:
    total = int(price) * quantity * 10**decimals
    kind = "discount" if total < 0 else "physical"
    line = worth(total, kind, unit_price=price, quantity=quantity)
    message = captured(line, worth(10**9), paid=0) | {"currency": currency}
    assert named(CaptureRecordV1, message) == []
    for others in {*DECIMALS.values()} - {decimals}:
        total = int(price) * quantity * 10**others
        wrong = changed(message, ("lines", 0, "total_amount_minor"), total)
        assert named(CaptureRecordV1, wrong) == ["lines[0].total_amount_minor"]


@pytest.mark.parametrize(
    ("currency", "price", "quantity", "discount", "total"),
    [
        ("EUR", "1.255", 2, 0, 251),
        ("EUR", "0.33", 3, 0, 100),
        ("EUR", "0", 5, 0, 0),
        ("EUR", "23.90", 10, 5_975, 17_925),
        ("EUR", "0.000001", 10**6, 0, 100),
        ("JPY", "1000", 3, 0, 3_000),
        ("JPY", "333.333", 3, 0, 1_000),
        ("JPY", "999", 1, 99, 900),
        ("KWD", "1.234", 2, 0, 2_468),
        ("KWD", "0.3335", 3, 0, 1_000),
        ("KWD", "0.001", 1, 0, 1),
        ("UYW", "1.2345", 2, 0, 24_690),
        ("UYW", "0.33335", 3, 0, 10_000),
        ("CLF", "0.0001", 1, 0, 1),
        ("CLF", "100000000", 1, 0, 10**12),
        ("CLF", "2.5000", 4, 10, 99_990),
    ],
)
def test_totals_follow_from_prices_in_the_currencys_own_minor_unit(
    currency: str, price: str, quantity: int, discount: int, total: int
) -> None:
    line = worth(total, unit_price=price, quantity=quantity, total_discount_minor=discount)
    lines = [line] if total else [line, worth(5)]
    message = captured(*lines, paid=0) | {"currency": currency}
    assert named(CaptureRecordV1, message) == []
    for other in (total * 10 + quantity + 9, total + quantity + 1, total // 10 - quantity - 1):
        wrong = changed(message, ("lines", 0, "total_amount_minor"), other)
        assert "lines[0].total_amount_minor" in named(CaptureRecordV1, wrong)


@given(
    st.sampled_from(sorted(DECIMALS)),
    st.integers(0, 10**10),
    st.integers(1, 1_000),
    st.integers(-1_500, 1_500),
)
def test_a_total_may_be_off_by_half_a_minor_unit_a_unit_and_by_its_own_rounding(
    currency: str, micros: int, quantity: int, off: int
) -> None:
    """The price is told in millionths, so the total that is due is a whole number of them."""
    price = f"{micros // 10**6}.{micros % 10**6:06}"
    due = micros * quantity * 10 ** DECIMALS[currency]
    total = due // 10**6 + off
    if not 0 < total <= 10**12:
        return
    line = worth(total, unit_price=price, quantity=quantity)
    told = named(CaptureRecordV1, captured(line) | {"currency": currency})
    fits = 2 * abs(total * 10**6 - due) <= (quantity + 1) * 10**6
    assert told == ([] if fits else ["lines[0].total_amount_minor"])
