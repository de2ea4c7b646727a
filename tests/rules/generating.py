"""Orders, requests and circumstances for the tests of rules, drawn at random."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from math import ceil, floor

from hypothesis import strategies as st

from models.values.orders import CapturedLine, LineAsk, OrderBook, Portion, RefundAsk
from models.values.policies import Circumstances, FeePolicy, Policy
from models.values.states import GOODS, NEGATIVE_TYPES, TENDERS, LineType, Reason, RefundKind
from tests.rules.drawing import CALM, NOW, START, SUPPORT, book, line

RATES = (0, 700, 1_900, 2_500, 10_000)
Kinds = Sequence[tuple[LineType, int]]
"""Line types with the sign of their amounts."""
BOUGHT: Kinds = [(kind, 1) for kind in (*GOODS, *TENDERS)]
"""A gift card that was bought is a positive line of its type."""
ALONG: Kinds = [(LineType.SALES_TAX, 1), *((kind, -1) for kind in NEGATIVE_TYPES)]


@st.composite
def lines(
    draw: st.DrawFn,
    line_id: str = "l",
    kinds: Kinds = (*BOUGHT, *ALONG),
    most: int = 10**7,
) -> CapturedLine:
    """A line of any type: cents that do not divide, nothing at all, or millions.

    Its tax follows the rate, rounded up or down, but for one in eight, where it is anything.
    """
    kind, sign = draw(st.sampled_from(kinds))
    amount = draw(st.integers(min(1, most), min(30, most)) | st.integers(0, most))
    rate = draw(st.sampled_from(RATES))
    share = Fraction(amount * rate, 10_000 + rate)
    tax = draw(st.sampled_from([floor(share), ceil(share)]))
    if draw(st.integers(0, 7)) == 0:
        tax = draw(st.integers(0, amount))
    return line(
        line_id,
        draw(st.integers(1, 4) | st.integers(1, 12) | st.integers(13, 5_000)),
        sign * amount,
        sign * tax,
        draw(st.just(0) | st.integers(0, 900)),
        kind=kind,
        rate=rate,
    )


@st.composite
def _captures(draw: st.DrawFn) -> list[CapturedLine]:
    """Goods, and what goes along with them; together more than nothing."""
    names = draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=4, unique=True))
    told = [draw(lines(name, BOUGHT)) for name in names]
    if not any(one.captured.amount_minor for one in told):
        told.append(line("pad", 1, 1))
    for number in range(draw(st.integers(0, 3))):
        total = sum(one.captured.amount_minor for one in told)
        # Now and then the id is of goods in another capture.
        free = [name for name in "abcde" if all(name != one.line_id for one in told)]
        line_id = draw(st.sampled_from([*[f"along{number}"] * 3, *free[:1]]))
        told.append(draw(lines(line_id, ALONG, total - 1)))
    return draw(st.permutations(told))


@st.composite
def books(draw: st.DrawFn, most_captures: int = 3) -> OrderBook:
    """An order of some captures that share line ids, each paid wholly, partly or not."""
    drawn = book(*draw(st.lists(_captures(), min_size=1, max_size=most_captures)))
    captures = []
    for one in drawn.captures:
        whole = one.captured_minor
        captures.append(
            replace(
                one,
                paid_minor=draw(st.sampled_from([whole, 0]) | st.integers(0, whole)),
                provider=draw(st.sampled_from(["sandbox"] * 8 + ["klarna", "other"])),
                order_amount_minor=draw(st.sampled_from([None, whole, whole + 1])),
            )
        )
    return replace(drawn, captures=captures)


def _left(of: OrderBook, line_id: str, component: str, capture_pks: Iterable[int]) -> int:
    """What these captures have left of a line, without its sign."""
    return sum(
        abs(getattr(of.lines[pk][line_id].left, component))
        for pk in capture_pks
        if line_id in of.lines[pk]
    )


@st.composite
def _line_asks(draw: st.DrawFn, of: OrderBook, number: int) -> LineAsk:
    """A line that has something left, if there is one, by quantity or by amount."""
    every = [one for of_capture in of.lines.values() for one in of_capture.values()]
    open_lines = [one for one in every if one.left.quantity or one.left.amount_minor]
    worth = [one for one in open_lines if one.left.amount_minor > 0]
    told = draw(st.sampled_from([*worth * 2, *open_lines] or every))
    capture = of.capture(told.capture_pk) if draw(st.integers(0, 2)) == 0 else None
    pks = [capture.pk] if capture else [one.pk for one in of.captures]
    units = _left(of, told.line_id, "quantity", pks)
    cents = _left(of, told.line_id, "amount_minor", pks)
    by_amount = draw(st.booleans()) if units and cents else bool(cents)
    most = max(cents if by_amount else units, 1)
    # All the money of the captures, as far as the line has it: then a discount may be left over.
    money = max(sum(of.capture(pk).left_minor for pk in pks), 1)
    much = draw(
        st.sampled_from([1, most, (most + 1) // 2, min(most, money)]) | st.integers(1, most)
    )
    return LineAsk(
        f"lines[{number}]",
        told.line_id,
        None if by_amount else much,
        much if by_amount else None,
        capture.capture_id if capture else None,
    )


@st.composite
def _spoiled(draw: st.DrawFn, ask: LineAsk) -> LineAsk:
    """A line that is not there, of a capture that is not there, or more of it than there is."""
    return draw(
        st.sampled_from(
            [
                replace(ask, line_id="none"),
                replace(ask, capture_id="c9"),
                replace(ask, capture_id="c1"),
                replace(ask, quantity=ask.quantity and ask.quantity + 5_000),
                replace(ask, amount_minor=ask.amount_minor and ask.amount_minor * 2),
            ]
        )
    )


@st.composite
def asks(draw: st.DrawFn, of: OrderBook) -> RefundAsk:
    """A request of any kind, mostly one that can be met: some ask too much, or for nothing."""
    kind = draw(
        st.sampled_from([*[RefundKind.LINES] * 6, *[RefundKind.AMOUNT] * 3, RefundKind.FULL])
    )
    left = sum(one.left_minor for one in of.captures)
    ask = RefundAsk("m", "k", "o", kind)
    spoil = draw(st.integers(0, 7)) == 7
    if kind is RefundKind.LINES:
        lines = [draw(_line_asks(of, n)) for n in range(draw(st.integers(1, 4)))]
        if spoil:
            lines[-1] = draw(_spoiled(lines[-1]))
        ask = replace(
            ask,
            lines=tuple(lines),
            with_shares=draw(st.sampled_from([True, True, False])),
        )
    elif draw(st.booleans()):
        one = draw(st.sampled_from(of.captures))
        left = one.left_minor
        ask = replace(ask, capture_id="c9" if spoil else one.capture_id)
    if kind is RefundKind.AMOUNT:
        most = max(left, 1)
        amount = draw(
            st.integers(1, (most + 2) // 3)
            | st.integers(1, min(9, most))
            | st.sampled_from([most, max(most - 1, 1)])
        )
        ask = replace(ask, amount_minor=left + 1 if spoil else amount)
    if draw(st.integers(0, 3)) == 3:
        ask = replace(
            ask, return_fee_minor=draw(st.integers(1, 9) | st.integers(1, max(left // 3, 1)))
        )
    return ask


@st.composite
def circumstances(draw: st.DrawFn, of: OrderBook) -> Circumstances:
    """What surrounds a request: in half of the cases nothing, else limits near the order's own."""
    if draw(st.booleans()):
        return CALM
    whole = sum(one.captured_minor for one in of.captures)
    near = st.none() | st.integers(0, whole)
    fees = st.builds(
        FeePolicy,
        near,
        st.none() | st.integers(0, 10_000),
        st.sampled_from(RATES),
    )
    policy = Policy(
        return_fee=draw(st.none() | fees | fees),
        window=draw(st.none() | st.sampled_from([timedelta(days=days) for days in (27, 28, 29)])),
        refunds_max=draw(st.none() | st.integers(0, 6)),
        amount_min_minor=draw(st.just(0) | st.integers(0, whole // 8)),
        amount_max_minor=draw(st.just(whole) | st.integers(0, whole)),
        approval_above_minor=draw(near),
        returns_await_goods=draw(st.booleans()),
        due_within=draw(st.none() | st.just(timedelta(days=14))),
    )
    return Circumstances(NOW, policy, SUPPORT, draw(st.frozensets(st.integers(1, 3), max_size=2)))


@st.composite
def told_more(draw: st.DrawFn, ask: RefundAsk) -> RefundAsk:
    """The request with what bears on limits and holds: reason, goods, and when it was asked."""
    return replace(
        ask,
        currency=draw(st.sampled_from([None, None, None, None, "EUR", "EUR", "SEK"])),
        reason=draw(st.none() | st.sampled_from([Reason.RETURN, Reason.GOODWILL])),
        awaits_goods=draw(st.sampled_from([None, None, True, False])),
        requested_at=draw(
            st.none() | st.sampled_from([START, NOW, NOW + timedelta(1), NOW - timedelta(1)])
        ),
    )


def few_cents() -> st.SearchStrategy[CapturedLine]:
    """Lines of which many units are worth nothing: where released cents run ahead."""
    return st.builds(
        lambda quantity, cents: line("l", quantity, cents, cents),
        st.integers(3, 12),
        st.integers(-5, 5),
    )


def portions() -> st.SearchStrategy[Portion]:
    """Any portion."""
    return st.builds(Portion, *[st.integers(-(10**12), 10**12)] * 4)
