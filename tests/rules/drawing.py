"""Orders for the tests of rules: by hand, and drawn at random."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from models.values.orders import (
    Capture,
    CapturedLine,
    CaptureShare,
    LineAsk,
    LineShare,
    OrderBook,
    Portion,
    RefundAsk,
)
from models.values.states import LineType, RefundKind

START = datetime(2026, 1, 1, tzinfo=UTC)
COMPONENTS = ("quantity", "amount_minor", "tax_minor", "discount_minor")
TYPES = [one for one in LineType if one is not LineType.DISCOUNT]


def line(
    line_id: str = "l",
    quantity: int = 1,
    amount: int = 100,
    tax: int = 0,
    discount: int = 0,
    *,
    pk: int = 1,
    capture_pk: int = 1,
) -> CapturedLine:
    """A captured line of which nothing is taken."""
    kind = LineType.DISCOUNT if amount < 0 else LineType.PHYSICAL
    return CapturedLine(
        pk, capture_pk, line_id, kind, Portion(quantity, amount, tax, discount), Portion()
    )


def book(*captures: list[CapturedLine], paid: int | None = None) -> OrderBook:
    """An order of these captures, told oldest first. `paid` is what is paid of each."""
    made, lines, pk = [], {}, 0
    for number, told in enumerate(captures, start=1):
        of_capture = {}
        for one in told:
            pk += 1
            of_capture[one.line_id] = CapturedLine(
                pk, number, one.line_id, one.type, one.captured, one.taken
            )
        total = sum(one.captured.amount_minor for one in told)
        made.append(
            Capture(
                number,
                f"c{number}",
                START + timedelta(days=number),
                "sandbox",
                total,
                total if paid is None else paid,
                0,
                0,
            )
        )
        lines[number] = of_capture
    return OrderBook(1, "m", "o", "EUR", made[::-1], lines)


def units(*named: tuple[str, int] | tuple[str, int, str | None], key: str = "k") -> RefundAsk:
    """A request for quantities of lines: (line id, quantity) or (line id, quantity, capture id)."""
    asks = []
    for number, one in enumerate(named):
        capture_id = one[2] if len(one) == 3 else None
        asks.append(LineAsk(f"lines[{number}]", one[0], one[1], None, capture_id))
    return RefundAsk("m", key, "o", RefundKind.LINES, lines=tuple(asks))


def full(key: str = "k") -> RefundAsk:
    """A request for the complete order."""
    return RefundAsk("m", key, "o", RefundKind.FULL)


def portions(shares: "list[CaptureShare]") -> dict[int, Portion]:
    """What shares take, by the captured line's pk."""
    found: list[LineShare] = [one for share in shares for one in share.lines]
    assert len({one.line_pk for one in found}) == len(found), "a captured line is named twice"
    return {one.line_pk: one.portion for one in found}


@st.composite
def lines(draw: st.DrawFn, line_id: str = "l") -> CapturedLine:
    """A line of any type: cents that do not divide, nothing at all, or millions."""
    quantity = draw(st.integers(1, 12) | st.integers(13, 5_000))
    amount = draw(st.integers(0, 30) | st.integers(0, 10**7))
    sign = draw(st.sampled_from([1, 1, 1, -1]))
    return CapturedLine(
        1,
        1,
        line_id,
        LineType.DISCOUNT if sign < 0 else draw(st.sampled_from(TYPES)),
        Portion(
            quantity, sign * amount, sign * draw(st.integers(0, amount)), draw(st.integers(0, 900))
        ),
        Portion(),
    )


@st.composite
def books(draw: st.DrawFn) -> OrderBook:
    """An order of one to four captures that share line ids, each paid wholly, partly or not."""
    captures: list[list[CapturedLine]] = []
    for _ in range(draw(st.integers(1, 4))):
        names = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5, unique=True))
        told = [draw(lines(name)) for name in names]
        if sum(one.captured.amount_minor for one in told) <= 0:
            told.append(line("pad", 1, 1 - sum(one.captured.amount_minor for one in told)))
        captures.append(told)
    drawn = book(*captures)
    paid = [
        draw(st.sampled_from([capture.captured_minor, 0]) | st.integers(0, capture.captured_minor))
        for capture in drawn.captures
    ]
    return OrderBook(
        drawn.pk,
        drawn.merchant_id,
        drawn.order_id,
        drawn.currency,
        [
            Capture(
                one.pk,
                one.capture_id,
                one.captured_at,
                one.provider,
                one.captured_minor,
                of_it,
                0,
                0,
            )
            for one, of_it in zip(drawn.captures, paid, strict=True)
        ],
        drawn.lines,
    )


@st.composite
def asks(draw: st.DrawFn, told: OrderBook) -> RefundAsk:
    """A request, mostly one that can be met: some ask too much, or for what is not there."""
    if draw(st.integers(0, 9)) == 0:
        return full(str(draw(st.integers(0, 10**6))))
    known = sorted({name for of_capture in told.lines.values() for name in of_capture})
    named = []
    for _ in range(draw(st.integers(1, 4))):
        line_id = draw(st.sampled_from([*known, *known, *known, "none"]))
        capture_id = draw(st.sampled_from([None, None, None, "c1", "c2", "c9"]))
        most = sum(one[line_id].left.quantity for one in told.lines.values() if line_id in one)
        quantity = draw(st.integers(1, max(most, 1)) | st.integers(1, 3) | st.just(most + 1))
        named.append((line_id, quantity, capture_id))
    return units(*named, key=str(draw(st.integers(0, 10**6))))
