"""Every refusal of what is asked of an order, by example: its code, and the field at fault."""

from dataclasses import replace

import pytest

from models.values.identifiers import refund_id_of
from models.values.orders import OrderBook, RefundAsk
from models.values.refusals import Refusal, RefusalCode
from models.values.states import LineType
from tests.rules.drawing import (
    CALM,
    alone,
    amounts,
    bare,
    book,
    full,
    keeping,
    line,
    taken,
    together,
    units,
)
from worker.rules.eligibility import decide

C = RefusalCode
TWO = book([line("a", 3, 300), line("b", 1, 50)], [line("a", 2, 200)])
ONE = book([line("a", 1, 100)])
DISCOUNTED = book([line("a", 1, 100), line("off", 1, -30)])
NOUGHT = book([line("a", 1, 100), line("b", 1, 30), line("off", 1, -30)])
GIFTED = book([line("a", 1, 100), line("card", 1, -30, kind=LineType.GIFT_CARD)])
FEE_LEFT = taken(ONE, keeping(10, full("earlier")))
"""All is refunded but the fee that was kept, which is a line of its own now."""


FEE_LINE = f"return_fee:{refund_id_of('m', 'earlier')}"
FEE_AND_GOODS_LEFT = taken(book([line("a", 2, 200)]), keeping(10, amounts(("a", 110), key="f")))
FEE_AND_DISCOUNT_LEFT = taken(
    book([line("a", 1, 100), line("b", 1, 50), line("off", 1, -10)]),
    keeping(20, alone(units(("a", 1)))),
)
"""40 are left of the goods and the discount, 60 with the fee."""

# What is wrong, the request, the order, and the field. All in circumstances that allow anything.
REFUSED: list[tuple[str, RefundAsk, OrderBook | None, RefusalCode, str]] = [
    ("no such order", full(), None, C.ORDER_NOT_FOUND, "order_id"),
    (
        "an order without captures",
        full(),
        OrderBook(1, "m", "o", "EUR", [], {}),
        C.ORDER_NOT_FOUND,
        "order_id",
    ),
    *(
        (name, replace(ask, currency="SEK"), TWO, C.CURRENCY_MISMATCH, "currency")
        for name, ask in (
            ("another currency", full()),
            ("another currency, by lines", units(("a", 1))),
            ("another currency, by a bare amount", bare(1)),
        )
    ),
    ("all of no such capture", full(capture_id="c3"), TWO, C.CAPTURE_NOT_FOUND, "capture_id"),
    ("an amount of no such capture", bare(1, "c3"), TWO, C.CAPTURE_NOT_FOUND, "capture_id"),
    (
        "units of no such capture",
        units(("a", 1), ("a", 1, "c3")),
        TWO,
        C.CAPTURE_NOT_FOUND,
        "lines[1].capture_id",
    ),
    (
        "an amount of a line of no such capture",
        amounts(("a", 1, "c3")),
        TWO,
        C.CAPTURE_NOT_FOUND,
        "lines[0].capture_id",
    ),
    ("no such line", units(("a", 1), ("z", 1)), TWO, C.LINE_NOT_CAPTURED, "lines[1].line_id"),
    ("an amount of no such line", amounts(("z", 1)), TWO, C.LINE_NOT_CAPTURED, "lines[0].line_id"),
    (
        "a line of another capture",
        units(("b", 1, "c2")),
        TWO,
        C.LINE_NOT_CAPTURED,
        "lines[0].line_id",
    ),
    *(
        (name, ask, of, C.EXCEEDS_CAPTURED, field)
        for name, ask, of, field in (
            ("more units than captured", units(("a", 6)), TWO, "lines[0].quantity"),
            ("more units than the capture has", units(("a", 4, "c1")), TWO, "lines[0].quantity"),
            ("units named twice", units(("a", 3), ("a", 3)), TWO, "lines[1].quantity"),
            (
                "units of which none is left",
                units(("b", 1)),
                taken(TWO, units(("b", 1))),
                "lines[0].quantity",
            ),
            ("a cent more than captured", amounts(("a", 501)), TWO, "lines[0].amount_minor"),
            (
                "a cent more than the capture has",
                amounts(("a", 301, "c1")),
                TWO,
                "lines[0].amount_minor",
            ),
            (
                "amounts of a line named twice",
                amounts(("a", 300), ("a", 201)),
                TWO,
                "lines[1].amount_minor",
            ),
            (
                "a cent beside all units",
                together(units(("a", 5)), amounts(("a", 1))),
                TWO,
                "lines[1].amount_minor",
            ),
            (
                "a cent of which none is left",
                amounts(("b", 1)),
                taken(TWO, amounts(("b", 50))),
                "lines[0].amount_minor",
            ),
            (
                "a cent more of a discount than it is",
                together(units(("a", 1)), amounts(("off", 31))),
                DISCOUNTED,
                "lines[1].amount_minor",
            ),
            ("a bare amount above the order", bare(551), TWO, "amount_minor"),
            ("a bare amount above the capture", bare(351, "c1"), TWO, "amount_minor"),
            (
                "a bare amount above what is left",
                bare(450),
                taken(TWO, bare(101)),
                "amount_minor",
            ),
            ("a bare amount above the fee that is left", bare(11), FEE_LEFT, "amount_minor"),
            (
                "more of a kept fee than was kept",
                amounts((FEE_LINE, 11)),
                FEE_LEFT,
                "lines[0].amount_minor",
            ),
            (
                "a fee of more than lines have left, though an earlier one was kept",
                keeping(1, bare(91)),
                FEE_AND_GOODS_LEFT,
                "amount_minor",
            ),
            (
                "goods without their discount, though a kept fee would make it up",
                alone(units(("b", 1))),
                FEE_AND_DISCOUNT_LEFT,
                "lines",
            ),
            ("the price without its discount", alone(units(("a", 1))), DISCOUNTED, "lines"),
            (
                "a part of the price without its discount",
                alone(amounts(("a", 71))),
                DISCOUNTED,
                "lines",
            ),
            (
                "the price with too little of its discount",
                together(units(("a", 1)), amounts(("off", 29))),
                DISCOUNTED,
                "lines",
            ),
        )
    ),
    *(
        (name, ask, of, C.AMOUNT_NOT_POSITIVE, "lines")
        for name, ask, of in (
            ("a discount alone", units(("off", 1)), DISCOUNTED),
            ("an amount of a discount alone", amounts(("off", 1)), DISCOUNTED),
            ("a gift card alone", units(("card", 1)), GIFTED),
            ("a unit that rounds to nothing", units(("a", 1)), book([line("a", 3, 1)])),
            (
                "a unit of a line of which all money is refunded",
                units(("a", 1)),
                taken(book([line("a", 2, 100)]), amounts(("a", 100))),
            ),
            (
                "a price and a discount that come to nothing",
                units(("b", 1), ("off", 1)),
                NOUGHT,
            ),
            (
                "a discount of one capture with the goods of another",
                units(("x", 1), ("off", 1)),
                book([line("a", 1, 100), line("off", 1, -30)], [line("x", 1, 50)]),
            ),
        )
    ),
    *(
        (name, ask, of, C.NOTHING_LEFT_TO_REFUND, "order_id")
        for name, ask, of in (
            ("all of an order of which nothing is left", full(), taken(TWO, full())),
            ("a bare cent of an order of which nothing is left", bare(1), taken(TWO, full())),
            (
                "all of a capture of which nothing is left",
                full(capture_id="c2"),
                taken(TWO, full(capture_id="c2")),
            ),
            (
                "a cent of a capture of which nothing is left",
                bare(1, "c2"),
                taken(TWO, full(capture_id="c2")),
            ),
            (
                "all of an order of which no money is left, but a gift",
                full(),
                taken(book([line("a", 1, 100), line("gift", 1, 0)]), units(("a", 1))),
            ),
            ("all that is left is a fee, and a fee of it is kept", keeping(1, full()), FEE_LEFT),
            ("a fee of an amount, and only a fee is left", keeping(1, bare(5)), FEE_LEFT),
        )
    ),
]


@pytest.mark.parametrize(
    ("ask", "of", "code", "field"),
    [case[1:] for case in REFUSED],
    ids=[case[0].replace(" ", "-") for case in REFUSED],
)
def test_a_refusal_has_its_code_and_names_its_field(
    ask: RefundAsk, of: OrderBook | None, code: RefusalCode, field: str
) -> None:
    verdict = decide(ask, of, CALM)
    assert isinstance(verdict, Refusal)
    assert (verdict.code, verdict.field) == (code, field)
    assert verdict.message


@pytest.mark.parametrize(
    ("ask", "of", "words"),
    [
        (full(), None, "no captured order 'o'"),
        (replace(full(), currency="SEK"), TWO, "the order is in EUR, not SEK"),
        (full(capture_id="c3"), TWO, "order 'o' has no capture 'c3'"),
        (units(("z", 1)), TWO, "order 'o' has no captured line 'z'"),
        (units(("a", 2), ("a", 4)), TWO, "4 of line 'a' asked, 3 left"),
        (amounts(("a", 100), ("a", 401)), TWO, "401 of line 'a' asked, 400 left"),
        (bare(551), TWO, "551 asked, 550 left"),
        (
            alone(units(("a", 1))),
            DISCOUNTED,
            "100 asked of capture 'c1', 70 left (discounts included)",
        ),
        (
            alone(units(("b", 1))),
            FEE_AND_DISCOUNT_LEFT,
            "50 asked of capture 'c1', 40 left (discounts included)",
        ),
        (units(("off", 1)), DISCOUNTED, "the lines asked of capture 'c1' come to -30"),
        (units(("b", 1), ("off", 1)), NOUGHT, "the lines asked come to nothing"),
        (full(), taken(TWO, full()), "nothing is left to refund of order 'o'"),
    ],
)
def test_a_refusal_says_what_is_wrong(ask: RefundAsk, of: OrderBook | None, words: str) -> None:
    verdict = decide(ask, of, CALM)
    assert isinstance(verdict, Refusal)
    assert verdict.message == words


def test_a_request_that_is_refused_takes_nothing() -> None:
    before = repr(TWO)
    assert isinstance(decide(units(("a", 5), ("a", 1)), TWO, CALM), Refusal)
    assert repr(TWO) == before


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (replace(full(capture_id="c9"), currency="SEK"), C.CURRENCY_MISMATCH),
        (bare(10**6, "c9"), C.CAPTURE_NOT_FOUND),
        (units(("a", 9), ("z", 1)), C.EXCEEDS_CAPTURED),
        (units(("z", 1), ("a", 9)), C.LINE_NOT_CAPTURED),
        (units(("z", 1, "c9")), C.CAPTURE_NOT_FOUND),
        (keeping(10**6, units(("a", 9))), C.EXCEEDS_CAPTURED),
    ],
)
def test_of_several_faults_the_first_is_told(ask: RefundAsk, code: RefusalCode) -> None:
    """The order, its currency, the capture, the lines in their order; then fees and limits."""
    verdict = decide(ask, TWO, CALM)
    assert isinstance(verdict, Refusal)
    assert verdict.code is code
