"""Each refusal by example; every sequence of requests against a model of its own."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.values.identifiers import refund_id_of
from models.values.orders import Acceptance, LineAsk, OrderBook, Portion, RefundAsk
from models.values.refusals import Refusal, RefusalCode
from models.values.states import RefundKind
from tests.rules.drawing import COMPONENTS, asks, book, books, full, line, portions, units
from worker.rules.eligibility import decide


def accepted(ask: RefundAsk, of: OrderBook) -> Acceptance:
    verdict = decide(ask, of)
    assert isinstance(verdict, Acceptance), verdict
    return verdict


def taken(of: OrderBook, *requests: RefundAsk) -> OrderBook:
    for ask in requests:
        of = of.with_taken(accepted(ask, of).shares)
    return of


TWO = book([line("a", 3, 300), line("b", 1, 50)], [line("a", 2, 200)])
DISCOUNTED = book([line("a", 1, 100), line("off", 1, -30)])
AMOUNT = RefundAsk("m", "k", "o", RefundKind.AMOUNT, amount_minor=5)
LINE_AMOUNT = RefundAsk(
    "m",
    "k",
    "o",
    RefundKind.LINES,
    lines=(LineAsk("lines[0]", "a", 1, None), LineAsk("lines[1]", "a", None, 5)),
)
REFUSED: list[tuple[str, RefundAsk, OrderBook | None, RefusalCode, str]] = [
    ("no such order", full(), None, RefusalCode.ORDER_NOT_FOUND, "order_id"),
    (
        "an order without captures",
        full(),
        OrderBook(1, "m", "o", "EUR", [], {}),
        RefusalCode.ORDER_NOT_FOUND,
        "order_id",
    ),
    ("a bare amount", AMOUNT, TWO, RefusalCode.KIND_NOT_SUPPORTED, "kind"),
    (
        "a return fee",
        replace(full(), return_fee_minor=1),
        TWO,
        RefusalCode.RETURN_FEE_NOT_SUPPORTED,
        "return_fee_minor",
    ),
    (
        "an amount of a line",
        LINE_AMOUNT,
        TWO,
        RefusalCode.LINE_AMOUNT_NOT_SUPPORTED,
        "lines[1].amount_minor",
    ),
    (
        "another currency",
        replace(full(), currency="SEK"),
        TWO,
        RefusalCode.CURRENCY_MISMATCH,
        "currency",
    ),
    (
        "another currency, by lines",
        replace(units(("a", 1)), currency="SEK"),
        TWO,
        RefusalCode.CURRENCY_MISMATCH,
        "currency",
    ),
    (
        "no such capture",
        units(("a", 1), ("a", 1, "c3")),
        TWO,
        RefusalCode.CAPTURE_NOT_FOUND,
        "lines[1].capture_id",
    ),
    (
        "no such line",
        units(("a", 1), ("z", 1)),
        TWO,
        RefusalCode.LINE_NOT_CAPTURED,
        "lines[1].line_id",
    ),
    (
        "a line of another capture",
        units(("b", 1, "c2")),
        TWO,
        RefusalCode.LINE_NOT_CAPTURED,
        "lines[0].line_id",
    ),
    (
        "more than both captures have",
        units(("a", 6)),
        TWO,
        RefusalCode.EXCEEDS_CAPTURED,
        "lines[0].quantity",
    ),
    (
        "more than the named capture has",
        units(("a", 4, "c1")),
        TWO,
        RefusalCode.EXCEEDS_CAPTURED,
        "lines[0].quantity",
    ),
    (
        "a line named twice, together more than there is",
        units(("a", 3), ("a", 3)),
        TWO,
        RefusalCode.EXCEEDS_CAPTURED,
        "lines[1].quantity",
    ),
    (
        "a line of which nothing is left",
        units(("b", 1)),
        taken(TWO, units(("b", 1))),
        RefusalCode.EXCEEDS_CAPTURED,
        "lines[0].quantity",
    ),
    (
        "the price without its discount",
        units(("a", 1)),
        DISCOUNTED,
        RefusalCode.EXCEEDS_CAPTURED,
        "lines",
    ),
    (
        "a discount alone",
        units(("off", 1)),
        DISCOUNTED,
        RefusalCode.AMOUNT_NOT_POSITIVE,
        "lines",
    ),
    (
        "a unit that rounds to nothing",
        units(("a", 1)),
        book([line("a", 3, 1)]),
        RefusalCode.AMOUNT_NOT_POSITIVE,
        "lines",
    ),
    (
        "all of an order of which no money is left, but a gift",
        full(),
        taken(book([line("a", 1, 100), line("gift", 1, 0)]), units(("a", 1))),
        RefusalCode.NOTHING_LEFT_TO_REFUND,
        "order_id",
    ),
    (
        "all of an order of which nothing is left",
        full(),
        taken(TWO, full()),
        RefusalCode.NOTHING_LEFT_TO_REFUND,
        "order_id",
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
    verdict = decide(ask, of)
    assert isinstance(verdict, Refusal)
    assert (verdict.code, verdict.field) == (code, field)
    assert verdict.message


def test_every_code_that_the_rule_gives_has_an_example() -> None:
    elsewhere = {
        RefusalCode.MARKET_MISMATCH,
        RefusalCode.IDEMPOTENCY_CONFLICT,
        RefusalCode.CAPTURE_CONFLICT,
        RefusalCode.PROVIDER_UNKNOWN,
    }
    assert {case[3] for case in REFUSED} == set(RefusalCode) - elsewhere


def test_a_request_that_is_refused_takes_nothing() -> None:
    before = repr(TWO)
    assert isinstance(decide(units(("a", 5), ("a", 1)), TWO), Refusal)
    assert repr(TWO) == before


def test_an_acceptance_names_the_refund_and_the_provider_of_each_capture() -> None:
    verdict = accepted(replace(full("key-7"), currency="EUR"), TWO)
    assert verdict.refund_id == refund_id_of("m", "key-7")
    assert verdict.amount_minor == 550
    assert [share.provider for share in verdict.shares] == ["sandbox", "sandbox"]


def test_the_newest_capture_gives_first() -> None:
    verdict = accepted(units(("a", 3)), TWO)
    assert [(share.capture_pk, share.amount_minor) for share in verdict.shares] == [
        (2, 200),
        (1, 100),
    ]


def test_a_named_capture_gives_alone() -> None:
    (share,) = accepted(units(("a", 2, "c1")), TWO).shares
    assert (share.capture_pk, share.amount_minor) == (1, 200)


def test_a_line_named_twice_adds_up_as_if_named_once() -> None:
    of = book([line("a", 7, 100, 19, 3)], [line("a", 3, 50, 9, 1)])
    once = accepted(units(("a", 5)), of)
    assert accepted(units(("a", 2), ("a", 3)), of) == once
    assert accepted(units(("a", 1), ("a", 1), ("a", 1), ("a", 2)), of) == once


def test_a_price_and_its_discount_go_back_together() -> None:
    of = book([line("a", 3, 100, 19), line("off", 3, -10, -2)])
    amounts = []
    for key in "123":
        verdict = accepted(units(("a", 1), ("off", 1), key=key), of)
        amounts.append(verdict.amount_minor)
        of = of.with_taken(verdict.shares)
    assert amounts == [30, 30, 30]


def test_debt_is_reduced_before_money_goes_back() -> None:
    of = book([line("a", 4, 100)], paid=40)
    splits = []
    for key in "1234":
        (share,) = accepted(units(("a", 1), key=key), of).shares
        splits.append((share.amount_minor, share.cash_minor))
        of = of.with_taken([share])
    assert splits == [(25, 0), (25, 0), (25, 15), (25, 25)]


def test_a_free_line_goes_back_along_with_what_was_paid() -> None:
    of = book([line("gift", 1, 0), line("a", 1, 80)])
    verdict = accepted(units(("gift", 1), ("a", 1)), of)
    assert verdict.amount_minor == 80
    assert set(portions(list(verdict.shares))) == {1, 2}


def test_a_free_line_of_another_capture_goes_back_along_with_what_was_paid() -> None:
    """Delivered and captured apart: the gift with the first parcel, the item with the second."""
    of = book([line("gift", 1, 0), line("b", 1, 20)], [line("a", 1, 80)])
    assert accepted(units(("gift", 1), ("a", 1)), of).amount_minor == 80


def test_asking_by_lines_for_all_that_is_left_of_an_order_is_accepted() -> None:
    of = book([line("gift", 1, 0), line("b", 1, 20)], [line("a", 1, 80)])
    of = taken(of, units(("b", 1)))
    assert accepted(full(), of).amount_minor == 80
    assert accepted(units(("gift", 1), ("a", 1)), of).amount_minor == 80


def test_units_that_were_given_back_for_nothing_are_not_given_back_again() -> None:
    """The price and its discount go back for zero, beside a line of another capture."""
    of = book([line("a", 1, 100), line("b", 1, 50), line("off", 1, -50)], [line("x", 1, 10)])
    of = taken(of, units(("b", 1), ("off", 1), ("x", 1)))
    again = decide(units(("b", 1), key="again"), of)
    assert isinstance(again, Refusal)
    assert (again.code, again.field) == (RefusalCode.EXCEEDS_CAPTURED, "lines[0].quantity")


def test_units_given_back_one_by_one_beside_another_capture_come_to_the_line() -> None:
    """1 cent over 3 units: the first is worth nothing, and still the first."""
    of = book([line("penny", 3, 1), line("rest", 1, 9)], [line("x", 3, 30)])
    total = 0
    for key in "123":
        verdict = accepted(units(("penny", 1), ("x", 1), key=key), of)
        total += verdict.amount_minor
        of = of.with_taken(verdict.shares)
    assert total == 31


def reference(total: int, of: int, quantity: int) -> int:
    """The share of `of` units, rounded half away from zero by exact fractions."""
    rounded = int(Fraction(abs(total) * of, quantity) + Fraction(1, 2))
    return rounded if total >= 0 else -rounded


def expected(ask: RefundAsk, of: OrderBook) -> tuple[RefusalCode, str] | dict[int, Portion]:
    """A second opinion: quantities by line, newest capture first, priced by exact fractions."""
    lines = {one.pk: one for of_capture in of.lines.values() for one in of_capture.values()}
    upto = {pk: one.taken.quantity for pk, one in lines.items()}
    if ask.kind is RefundKind.FULL:
        open_captures = [capture.pk for capture in of.captures if capture.left_minor > 0]
        for pk, one in lines.items():
            if one.capture_pk in open_captures:
                upto[pk] = one.captured.quantity
        if not open_captures:
            return RefusalCode.NOTHING_LEFT_TO_REFUND, "order_id"
    for wanted in ask.lines:
        captures = [one for one in of.captures if wanted.capture_id in (None, one.capture_id)]
        if not captures:
            return RefusalCode.CAPTURE_NOT_FOUND, f"{wanted.path}.capture_id"
        found = [of.lines[one.pk].get(wanted.line_id) for one in captures]
        pks = [one.pk for one in found if one is not None]
        if not pks:
            return RefusalCode.LINE_NOT_CAPTURED, f"{wanted.path}.line_id"
        open_units = [pk for pk in pks for _ in range(lines[pk].captured.quantity - upto[pk])]
        quantity = wanted.quantity or 0
        if quantity > len(open_units):
            return RefusalCode.EXCEEDS_CAPTURED, f"{wanted.path}.quantity"
        for pk in open_units[:quantity]:
            upto[pk] += 1
    taken = {
        pk: Portion(
            upto[pk],
            *(
                reference(getattr(one.captured, name), upto[pk], one.captured.quantity)
                for name in COMPONENTS[1:]
            ),
        ).minus(one.taken)
        for pk, one in lines.items()
        if upto[pk] > one.taken.quantity
    }
    sums: dict[int, int] = {}
    for capture in of.captures:
        amounts = [
            portion.amount_minor
            for pk, portion in taken.items()
            if lines[pk].capture_pk == capture.pk
        ]
        if amounts and sum(amounts) > capture.left_minor:
            return RefusalCode.EXCEEDS_CAPTURED, "lines"
        if sum(amounts) < 0:
            return RefusalCode.AMOUNT_NOT_POSITIVE, "lines"
        sums[capture.pk] = sum(amounts)
    if taken and not sum(sums.values()):
        return RefusalCode.AMOUNT_NOT_POSITIVE, "lines"
    return taken


def check_within(of: OrderBook) -> None:
    """Nothing is above what was captured or paid, and captures are the sums of their lines."""
    for capture in of.captures:
        lines = of.lines[capture.pk].values()
        assert 0 <= capture.taken_minor <= capture.captured_minor
        assert capture.taken_minor == sum(one.taken.amount_minor for one in lines)
        assert 0 <= capture.cash_minor <= capture.paid_minor
        # Debt first, at every moment.
        assert capture.cash_minor == max(
            0, capture.taken_minor - (capture.captured_minor - capture.paid_minor)
        )
        for one in lines:
            for name in COMPONENTS:
                whole, part = getattr(one.captured, name), getattr(one.taken, name)
                assert abs(part) <= abs(whole), name
                assert part * whole >= 0, name


def check_rests(of: OrderBook) -> None:
    """Asking for all that is left of a capture is accepted, by lines as by `full`."""
    lefts = [capture for capture in of.captures if capture.left_minor > 0]
    for capture in lefts:
        rest = [
            (one.line_id, one.left.quantity, capture.capture_id)
            for one in of.lines[capture.pk].values()
            if one.left.quantity
        ]
        assert accepted(units(*rest), of).amount_minor == capture.left_minor
    if lefts:
        whole = accepted(full(), of)
        assert [share.amount_minor for share in whole.shares] == [one.left_minor for one in lefts]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(books(), st.data())
def test_any_sequence_of_requests_is_decided_as_the_model_says_and_never_overpays(
    of: OrderBook, data: st.DataObject
) -> None:
    captured = sum(capture.captured_minor for capture in of.captures)
    paid = sum(capture.paid_minor for capture in of.captures)
    amount = cash = 0
    for number in range(data.draw(st.integers(0, 8)) + 1):
        last = number and data.draw(st.booleans(), label="last")
        ask = full("rest") if last else data.draw(asks(of))
        verdict = decide(ask, of)
        assert verdict == decide(ask, of), "the same input gives the same output"
        told = expected(ask, of)
        if isinstance(verdict, Refusal):
            assert (verdict.code, verdict.field) == told
            assert verdict.message
        else:
            assert portions(list(verdict.shares)) == told
            assert verdict.amount_minor == sum(share.amount_minor for share in verdict.shares) > 0
            order = [capture.pk for capture in of.captures]
            given_by = [share.capture_pk for share in verdict.shares]
            assert given_by == [pk for pk in order if pk in given_by], "newest capture first"
            for share in verdict.shares:
                assert share.amount_minor == sum(one.portion.amount_minor for one in share.lines)
                assert 0 <= share.cash_minor <= share.amount_minor
            amount += verdict.amount_minor
            cash += sum(share.cash_minor for share in verdict.shares)
            before = repr(of)
            later = of.with_taken(verdict.shares)
            assert repr(of) == before, "the book before is left as it was"
            of = later
        check_within(of)
        check_rests(of)
    ending = decide(full("end"), of)
    if isinstance(ending, Acceptance):
        amount += ending.amount_minor
        cash += sum(share.cash_minor for share in ending.shares)
        of = of.with_taken(ending.shares)
    assert (amount, cash) == (captured, paid), "in the end exactly zero money is left"
    assert all(capture.left_minor == 0 for capture in of.captures)
    nothing = decide(full("after"), of)
    assert isinstance(nothing, Refusal)
    assert nothing.code is RefusalCode.NOTHING_LEFT_TO_REFUND
