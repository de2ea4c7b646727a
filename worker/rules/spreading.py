"""A bare amount, spread over captures and lines, so that tax, ledger and invoices stay exact.

In proportion to what is left: over the captures, then over each one's lines, by largest remainder;
ties go to the newest capture and to the first line. Return fees that were kept come last: only
what the lines cannot give is taken of them.
"""

from models.values.orders import Capture, OrderBook
from models.values.refusals import Refusal, RefusalCode
from worker.rules.allocating import largest_remainder
from worker.rules.apportioning import take_amount
from worker.rules.picking import Picks, captures_of


def pick_amount(
    amount_minor: int, book: OrderBook, capture_id: str | None, *, fees: bool
) -> Picks | Refusal:
    """Pick a bare amount of an order, or of one capture of it; kept fees only if `fees`."""
    picks = Picks(book)
    captures = captures_of(book, capture_id)
    of_lines = {one.pk: _lines_worth(one, book) for one in captures}
    of_fees = {one.pk: _fees_worth(one, book) if fees else 0 for one in captures}
    left = sum(of_lines.values()) + sum(of_fees.values())
    if left and amount_minor > left:
        return Refusal(
            RefusalCode.EXCEEDS_CAPTURED, f"{amount_minor} asked, {left} left", "amount_minor"
        )
    if left:
        from_lines = min(amount_minor, sum(of_lines.values()))
        _spread(picks, from_lines, of_lines, fees=False)
        _spread(picks, amount_minor - from_lines, of_fees, fees=True)
    return picks


def money_left(book: OrderBook, capture_id: str | None, *, fees: bool) -> int:
    """What can still be given back of an order or capture, in minor units."""
    return sum(
        _lines_worth(one, book) + (_fees_worth(one, book) if fees else 0)
        for one in captures_of(book, capture_id)
    )


def lines_left(book: OrderBook, capture_id: str | None, *, fees: bool) -> int:
    """What the lines come to that are left, in minor units: mostly the same."""
    return sum(
        _sum_left(one, book, fees=False) + (_sum_left(one, book, fees=True) if fees else 0)
        for one in captures_of(book, capture_id)
    )


def _lines_worth(capture: Capture, book: OrderBook) -> int:
    """What is left of a capture's lines, and never more than is left of the capture."""
    return min(_sum_left(capture, book, fees=False), capture.left_minor)


def _fees_worth(capture: Capture, book: OrderBook) -> int:
    room = capture.left_minor - _lines_worth(capture, book)
    return min(_sum_left(capture, book, fees=True), room)


def _sum_left(capture: Capture, book: OrderBook, *, fees: bool) -> int:
    return sum(
        line.left.amount_minor
        for line in book.lines[capture.pk].values()
        if line.is_return_fee is fees
    )


def _spread(picks: Picks, amount_minor: int, left: dict[int, int], *, fees: bool) -> None:
    of_captures = largest_remainder(amount_minor, list(left.values()))
    for capture_pk, of_capture in zip(left, of_captures, strict=True):
        lines = [line for line in picks.lines(capture_pk) if line.is_return_fee is fees]
        parts = largest_remainder(of_capture, [line.left.amount_minor for line in lines])
        for line, amount in zip(lines, parts, strict=True):
            if amount:
                picks.take(line, take_amount(line, amount), by_amount=True)
