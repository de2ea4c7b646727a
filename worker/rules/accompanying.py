"""What goes along with named lines: their share of sales tax, discounts, gift cards, store credit.

In the US sales tax is a line of its own, and a refund of a product must refund its share of it
(domain reference, Money). A discount, a gift card or store credit that is a line of its own was
given on the whole capture: who sends one of two products back gets back what was paid for it, and
the gift card gets its part again.

A capture's accompanying line is worth, after refunds of `p` of its goods' amount `P`, its share
`p / P`, rounded once: so shares add up to the line, and what earlier requests left (on their wish,
or by rounding) comes with the next. A line that the request names is taken as named.
"""

from collections.abc import Sequence

from models.values.orders import CapturedLine, LineAsk, Portion
from models.values.states import NEGATIVE_TYPES, LineType
from worker.rules.apportioning import part, step_to, take_amount, take_rest
from worker.rules.picking import Picks


def accompanies(line: CapturedLine) -> bool:
    """Whether a line goes along with others: sales tax, or a negative discount or tender."""
    if line.type is LineType.SALES_TAX:
        return True
    return line.type in NEGATIVE_TYPES and line.captured.amount_minor < 0


def take_shares(picks: Picks, asks: Sequence[LineAsk]) -> None:
    """Take the shares along of every capture of which goods are picked."""
    for capture in picks.book.captures:
        named = {one.line_id for one in asks if one.capture_id in (None, capture.capture_id)}
        lines = picks.lines(capture.pk)
        goods = [line for line in lines if not accompanies(line) and not line.is_return_fee]
        if any(picks.picked(line.pk).amount_minor for line in goods):
            whole = sum(line.captured.amount_minor for line in goods)
            taken = sum(line.taken.amount_minor for line in goods)
            for line in lines:
                if accompanies(line) and line.line_id not in named:
                    _take_share(picks, line, taken, whole)


def _take_share(picks: Picks, line: CapturedLine, taken: int, whole: int) -> None:
    if taken == whole:
        if line.left != Portion():
            picks.take(line, take_rest(line))
        return
    target = part(line.captured.amount_minor, taken, whole)
    amount = step_to(target, line.taken.amount_minor, line.left.amount_minor)
    if amount:
        picks.take(line, take_amount(line, amount), by_amount=True)
