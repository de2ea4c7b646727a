"""Every way to refund, on a real database: amounts, fees, tenders, and their credit records."""

from collections.abc import Callable

from tests.building import capture, full, line, record, request
from tests.steps.books import assert_books_agree
from tests.steps.test_handling import code, rows
from worker.steps.handling import handle_requests

GOODS = [
    line(
        "a",
        quantity=1,
        total_amount_minor=10_000,
        total_tax_minor=1_597,
        tax_rate=1900,
        total_discount_minor=0,
    ),
]
CREDITS = "SELECT number, amount_minor, tender_minor, tax_minor FROM credit_records ORDER BY number"
TAXES = """
    SELECT k.number, t.tax_rate_basis_points, t.amount_minor, t.tax_minor
    FROM credit_taxes t JOIN credit_records k ON k.id = t.credit_id ORDER BY 1, 2
"""


def test_a_return_fee_is_kept_and_can_be_given_back_only_up_to_it(database: str) -> None:
    """Klarna's example: 10000 less a fee of 500 is 9500; later the 500 can be refunded."""
    record(capture(lines=GOODS))
    (answer,) = handle_requests([full("a", return_fee_minor=500)])
    assert rows("SELECT amount_minor, fee_minor, settled_minor, state FROM refunds") == [
        (9_500, 500, 9_500, "deducted")
    ]
    assert rows("SELECT amount_minor FROM deductions") == [(9_500,)]
    assert rows("SELECT amount_minor FROM sandbox.movements") == [(9_500,)]
    fee = f"return_fee:{answer.refund_id}"
    assert rows(
        "SELECT line_id, type, captured_amount_minor, captured_tax_minor FROM captured_lines"
        " WHERE type = 'return_fee'"
    ) == [(fee, "return_fee", 500, 80)]
    assert_books_agree()
    answers = handle_requests(
        [
            request("b", lines=[{"line_id": fee, "amount_minor": 501}]),
            request("c", lines=[{"line_id": fee, "amount_minor": 200}]),
            request("d", kind="amount", lines=[], amount_minor=301),
            full("e"),
            full("f"),
        ]
    )
    assert [code(one) for one in answers] == [
        "exceeds_captured",
        None,
        "exceeds_captured",
        None,
        "nothing_left_to_refund",
    ]
    assert rows(CREDITS) == [
        (1, 9_500, 0, 1_517),
        (2, 200, 0, 32),
        (3, 300, 0, 48),
    ]
    assert rows(TAXES)[0] == (1, 1900, 9_500, 1_517)
    assert_books_agree()


def test_a_fee_is_no_line_before_its_refund_has_settled(database: str) -> None:
    record(capture(lines=GOODS))
    answers = handle_requests([full("a", return_fee_minor=500), full("b")])
    assert [code(one) for one in answers] == [None, "nothing_left_to_refund"]
    (again,) = handle_requests([full("c")])
    assert code(again) is None
    assert_books_agree()


def test_a_market_without_return_fees_refuses_them(database: str) -> None:
    record(capture(lines=GOODS, market="US", currency="USD"))
    (answer,) = handle_requests([full("a", return_fee_minor=500)])
    assert code(answer) == "return_fee_not_allowed"
    assert_books_agree()


def test_a_fee_taxed_otherwise_than_the_goods_stands_by_itself_in_the_credit_record(
    policy: Callable[[str], None],
) -> None:
    policy(
        "[markets.DE]\nreturn_fee = { allowed = true, tax_rate = 700, cap_minor = { EUR = 600 } }"
    )
    record(capture(lines=GOODS))
    answers = handle_requests([full("a", return_fee_minor=601), full("b", return_fee_minor=600)])
    assert [code(one) for one in answers] == ["return_fee_above_cap", None]
    assert rows(TAXES) == [(1, 700, -600, -39), (1, 1900, 10_000, 1_597)]
    assert_books_agree()


def test_amounts_of_lines_and_of_the_order_add_up_to_exactly_nothing_left(database: str) -> None:
    lines = [line("l-1"), line("l-2", quantity=2, total_amount_minor=50, total_tax_minor=3)]
    record(capture(lines=lines), capture(capture_id="second", lines=lines))
    answers = handle_requests(
        [
            request("a", lines=[{"line_id": "l-1", "amount_minor": 10}]),
            request("b", kind="amount", lines=[], amount_minor=77),
            request(
                "c", lines=[{"line_id": "l-1", "quantity": 4}, {"line_id": "l-2", "quantity": 1}]
            ),
            request("d", kind="amount", lines=[], amount_minor=13, capture_id="second"),
            full("e"),
        ]
    )
    assert [code(one) for one in answers] == [None] * 5
    assert rows("SELECT sum(settled_minor) FROM refunds") == [(300,)]
    assert rows(
        "SELECT sum(captured_tax_minor - refunded_tax_minor),"
        " sum(captured_discount_minor - refunded_discount_minor) FROM captured_lines"
    ) == [(0, 0)]
    assert_books_agree()


def test_units_share_what_an_amount_left_also_in_a_later_batch(database: str) -> None:
    record(capture(lines=[line("a", quantity=4, total_amount_minor=400)]))
    handle_requests([request("a", lines=[{"line_id": "a", "amount_minor": 100}])])
    handle_requests([request("b", lines=[{"line_id": "a", "quantity": 1}])])
    handle_requests([request("c", lines=[{"line_id": "a", "quantity": 3}])])
    assert rows("SELECT amount_minor FROM refunds ORDER BY amount_minor") == [(75,), (100,), (225,)]
    assert_books_agree()


def test_a_gift_cards_part_goes_back_to_the_gift_card(database: str) -> None:
    record(
        capture(
            lines=[
                line(
                    "a",
                    quantity=2,
                    total_amount_minor=8_000,
                    total_tax_minor=0,
                    total_discount_minor=0,
                ),
                line(
                    "card",
                    quantity=1,
                    type="gift_card",
                    total_amount_minor=-2_000,
                    total_tax_minor=0,
                    total_discount_minor=0,
                ),
            ]
        )
    )
    handle_requests([request("a", lines=[{"line_id": "a", "quantity": 1}])])
    assert rows("SELECT amount_minor, gift_card_minor FROM repayments") == [(3_000, 1_000)]
    assert rows("SELECT amount_minor FROM sandbox.movements") == [(3_000,)]
    assert rows(CREDITS) == [(1, 3_000, 1_000, 0)]
    assert rows(
        "SELECT a.code, sum(p.amount_minor) FROM ledger_postings p"
        " JOIN ledger_accounts a ON a.id = p.account_id GROUP BY 1 ORDER BY 1"
    ) == [
        ("gift_card_liability", 1_000),
        ("merchant_payable", -3_000),
        ("merchant_tenders", -1_000),
        ("provider_clearing", 3_000),
        ("repayments_in_transit", 0),
    ]
    assert rows(
        "SELECT payload ->> 'gift_card_minor' FROM outbox WHERE topic = 'refund.repaid'"
    ) == [("1000",)]
    handle_requests([full("b")])
    assert_books_agree()


def test_sales_tax_goes_along_with_its_goods_unless_told_otherwise(database: str) -> None:
    us = {"market": "US", "currency": "USD"}
    lines = [
        line("a", quantity=2, total_amount_minor=2_000, total_tax_minor=0, total_discount_minor=0),
        line(
            "tax",
            quantity=1,
            type="sales_tax",
            total_amount_minor=165,
            total_tax_minor=0,
            total_discount_minor=0,
        ),
    ]
    record(capture(lines=lines, **us))
    one = [{"line_id": "a", "quantity": 1}]
    handle_requests([request("a", lines=one)])
    handle_requests([request("b", lines=one, with_shares=False)])
    handle_requests([full("c")])
    assert rows("SELECT amount_minor FROM refunds ORDER BY accepted_at") == [
        (1_083,),
        (1_000,),
        (82,),
    ]
    assert rows(CREDITS) == [(1, 1_083, 0, 83), (2, 1_000, 0, 0), (3, 82, 0, 82)]
    assert_books_agree()


def test_the_policys_limits_refuse_with_their_codes(policy: Callable[[str], None]) -> None:
    policy(
        "[merchants.m]\nwindow_days = 30\nrefunds_max = 2\n"
        "amount_min_minor = { EUR = 10 }\namount_max_minor = { EUR = 60 }"
    )
    record(capture(captured_at="2026-11-01T10:00:00Z"))
    amounts = [9, 61, 20, 20, 20]
    answers = [
        handle_requests(
            [
                request(
                    str(number),
                    kind="amount",
                    lines=[],
                    amount_minor=amount,
                    requested_at="2026-11-20T10:00:00Z",
                )
            ]
        )[0]
        for number, amount in enumerate(amounts)
    ]
    assert [code(one) for one in answers] == [
        "amount_below_minimum",
        "amount_above_maximum",
        None,
        None,
        "too_many_refunds",
    ]
    record(capture("old", captured_at="2024-11-01T10:00:00Z"))
    (late,) = handle_requests([request("late", "old")])
    assert code(late) == "window_closed"
    assert_books_agree()


def test_a_merchant_cannot_refund_anothers_order(database: str) -> None:
    record()
    (answer,) = handle_requests([request("a", merchant_id="other")])
    assert code(answer) == "order_not_found"


def test_credit_records_of_two_captures_and_merchants_are_numbered_apart(database: str) -> None:
    record(
        capture(),
        capture(capture_id="second"),
        capture("theirs", merchant_id="n"),
    )
    handle_requests([full("a"), full("b", "theirs", merchant_id="n")])
    assert rows(
        "SELECT k.merchant_id, number, c.capture_id FROM credit_records k"
        " JOIN captures c ON c.id = k.capture_pk ORDER BY 1, 2"
    ) in (
        [("m", 1, "o-1-c"), ("m", 2, "second"), ("n", 1, "theirs-c")],
        [("m", 1, "second"), ("m", 2, "o-1-c"), ("n", 1, "theirs-c")],
    )
    assert_books_agree()
    assert_books_agree("n")
