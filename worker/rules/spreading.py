"""A bare amount, spread over captures and lines, so that tax, ledger and invoices stay exact.

In proportion to what is left: over the captures, then over each one's lines, by largest remainder;
ties go to the newest capture and to the first line. Return fees that were kept come last: only
what the lines cannot give is taken of them.
"""

from models.values.orders import OrderBook
from models.values.refusals import Refusal, RefusalCode
from models.values.states import LineType
from worker.rules.allocating import largest_remainder
from worker.rules.apportioning import take_amount
from worker.rules.picking import Picks, captures_of


def pick_amount(
    amount_minor: int, book: OrderBook, capture_id: str | None, *, fees: bool
) -> Picks | Refusal:
    """Pick a bare amount of an order, or of one capture of it; kept fees only if `fees`."""
    picks = Picks(book)
    of_lines = _left(book, capture_id, fees=False)
    of_fees = _left(book, capture_id, fees=True) if fees else {}
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


def _left(book: OrderBook, capture_id: str | None, *, fees: bool) -> dict[int, int]:
    """What is left by capture, of kept return fees or of all other lines."""
    return {
        capture.pk: sum(
            line.left.amount_minor
            for line in book.lines[capture.pk].values()
            if (line.type is LineType.RETURN_FEE) is fees
        )
        for capture in captures_of(book, capture_id)
    }


def _spread(picks: Picks, amount_minor: int, left: dict[int, int], *, fees: bool) -> None:
    of_captures = largest_remainder(amount_minor, list(left.values()))
    for capture_pk, of_capture in zip(left, of_captures, strict=True):
        lines = [
            line for line in picks.lines(capture_pk) if (line.type is LineType.RETURN_FEE) is fees
        ]
        parts = largest_remainder(of_capture, [line.left.amount_minor for line in lines])
        for line, amount in zip(lines, parts, strict=True):
            if amount:
                picks.take(line, take_amount(line, amount), by_amount=True)
