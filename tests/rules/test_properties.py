"""Whatever is asked in whatever order: never above what was captured, and exact to the cent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from models.values.orders import (
    Acceptance,
    Capture,
    CapturedLine,
    LineAsk,
    OrderBook,
    Portion,
    RefundAsk,
)
from models.values.refusals import Refusal
from models.values.states import LineType, RefundKind
from worker.rules.apportioning import part, take_units
from worker.rules.eligibility import decide

COMPONENTS = ("quantity", "amount_minor", "tax_minor", "discount_minor")


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6), st.data())
def test_part_is_the_share_rounded_half_away_from_zero(
    total: int, quantity: int, data: st.DataObject
) -> None:
    units = data.draw(st.integers(0, quantity))
    exact = Fraction(abs(total) * units, quantity)
    rounded = int(exact + Fraction(1, 2))
    assert part(total, units, quantity) == (rounded if total >= 0 else -rounded)


@st.composite
def lines(draw: st.DrawFn, pk: int, capture_pk: int, line_id: str) -> CapturedLine:
    amount = draw(st.integers(0, 5_000))
    discount_line = draw(st.integers(0, 5)) == 0
    sign = -1 if discount_line else 1
    return CapturedLine(
        pk,
        capture_pk,
        line_id,
        LineType.DISCOUNT if discount_line else LineType.PHYSICAL,
        Portion(
            draw(st.integers(1, 12)),
            sign * amount,
            sign * draw(st.integers(0, amount)),
            draw(st.integers(0, 500)),
        ),
        Portion(),
    )


@given(lines(1, 1, "l"), st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=12))
def test_a_line_is_emptied_exactly_whatever_is_released_on_the_way(
    line: CapturedLine, steps: list[tuple[int, bool]]
) -> None:
    """Refunds of units, some of which fail and are released in any order."""
    live: list[Portion] = []
    for units, release in steps:
        if release and live:
            line = replace(line, taken=line.taken.minus(live.pop(units % len(live))))
        elif units <= line.left.quantity:
            live.append(take_units(line, units))
            line = replace(line, taken=line.taken.plus(live[-1]))
        _assert_within(line)
    if line.left.quantity:
        rest = take_units(line, line.left.quantity)
        line = replace(line, taken=line.taken.plus(rest))
    assert line.left == Portion()


def _assert_within(line: CapturedLine) -> None:
    for name in COMPONENTS:
        captured, taken = getattr(line.captured, name), getattr(line.taken, name)
        assert abs(taken) <= abs(captured), name
        assert taken * captured >= 0, name


@st.composite
def books(draw: st.DrawFn) -> OrderBook:
    """An order of one to three captures that share line ids, partly paid."""
    captures, by_capture, pk = [], {}, 0
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(draw(st.integers(1, 3))):
        of_capture = {}
        for line_number in range(draw(st.integers(1, 4))):
            pk += 1
            one = draw(lines(pk, number, f"l{line_number}"))
            of_capture[one.line_id] = one
        total = sum(one.captured.amount_minor for one in of_capture.values())
        if total > 0:
            paid = draw(st.sampled_from([0, total // 2, total]))
            at = start + timedelta(days=number)
            captures.append(Capture(number, f"c{number}", at, "sandbox", total, paid, 0, 0))
            by_capture[number] = of_capture
    return OrderBook(1, "m", "o", "EUR", captures[::-1], by_capture)


@st.composite
def asks(draw: st.DrawFn) -> RefundAsk:
    key = str(draw(st.integers(0, 10**9)))
    if draw(st.integers(0, 6)) == 0:
        return RefundAsk("m", key, "o", RefundKind.FULL)
    named = draw(
        st.lists(
            st.tuples(
                st.integers(0, 4), st.integers(1, 5), st.sampled_from([None, None, "c0", "c1"])
            ),
            min_size=1,
            max_size=4,
        )
    )
    return RefundAsk(
        "m",
        key,
        "o",
        RefundKind.LINES,
        lines=tuple(
            LineAsk(f"lines[{n}]", f"l{line}", units, None, capture)
            for n, (line, units, capture) in enumerate(named)
        ),
    )


@settings(max_examples=300)
@given(books(), st.lists(asks(), max_size=10))
def test_any_sequence_of_requests_stays_within_what_was_captured_and_ends_at_zero(
    book: OrderBook, sequence: list[RefundAsk]
) -> None:
    captured = sum(capture.captured_minor for capture in book.captures)
    accepted = 0
    for ask in [*sequence, RefundAsk("m", "rest", "o", RefundKind.FULL)]:
        verdict = decide(ask, book)
        assert verdict == decide(ask, book)
        if isinstance(verdict, Refusal):
            assert verdict.field
            continue
        assert isinstance(verdict, Acceptance)
        assert verdict.amount_minor > 0
        assert verdict.amount_minor == sum(share.amount_minor for share in verdict.shares)
        for share in verdict.shares:
            assert share.amount_minor == sum(one.portion.amount_minor for one in share.lines)
            assert 0 <= share.cash_minor <= share.amount_minor
            assert len({one.line_pk for one in share.lines}) == len(share.lines)
        accepted += verdict.amount_minor
        book = book.with_taken(verdict.shares)
        for capture in book.captures:
            assert 0 <= capture.taken_minor <= capture.captured_minor
            assert 0 <= capture.cash_minor <= capture.paid_minor
            assert capture.debt_left_minor >= 0
            for line in book.lines[capture.pk].values():
                _assert_within(line)
    assert accepted == captured, "the last request, for all that is left, empties the order"
    for capture in book.captures:
        assert capture.cash_minor == capture.paid_minor
