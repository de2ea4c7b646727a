"""What a refund takes of which captured line: all that is left, or units or amounts of lines.

A line that was captured in parts is taken from the newest capture that still has it, unless the
request names the capture: `_captured` decides it, and nothing else does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from models.values.orders import Capture, CapturedLine, LineAsk, LineShare, OrderBook, Portion
from models.values.refusals import Refusal, RefusalCode
from worker.rules.apportioning import take_amount, take_rest, take_units


@dataclass(slots=True)
class Picks:
    """What is picked of an order so far. Later picks see what earlier ones left."""

    book: OrderBook
    _lines: dict[int, CapturedLine] = field(default_factory=dict)
    _portions: dict[int, Portion] = field(default_factory=dict)

    def lines(self, capture_pk: int) -> list[CapturedLine]:
        """A capture's lines as they are after the picks."""
        return [self.now(line) for line in self.book.lines[capture_pk].values()]

    def now(self, line: CapturedLine) -> CapturedLine:
        """A line as it is after the picks."""
        return self._lines.get(line.pk, line)

    def take(self, line: CapturedLine, portion: Portion, *, by_amount: bool = False) -> None:
        """Pick a portion of a line (as it is now)."""
        self._lines[line.pk] = line.with_taken(portion, by_amount=by_amount)
        self._portions[line.pk] = self._portions.get(line.pk, Portion()).plus(portion)

    def picked(self, line_pk: int) -> Portion:
        """What is picked of a line."""
        return self._portions.get(line_pk, Portion())

    def shares(self, capture: Capture) -> list[LineShare]:
        """What is picked of a capture, line by line."""
        found = []
        for line in self.book.lines[capture.pk].values():
            if line.pk in self._portions:
                basis = self._lines[line.pk].basis
                found.append(
                    LineShare(
                        line.pk,
                        line.line_id,
                        self._portions[line.pk],
                        None if basis == line.basis else basis,
                    )
                )
        return found


def no_such_capture(book: OrderBook, capture_id: str | None, field_name: str) -> Refusal | None:
    """The refusal of a capture that the order has not."""
    if capture_id is None or any(capture.capture_id == capture_id for capture in book.captures):
        return None
    return Refusal(
        RefusalCode.CAPTURE_NOT_FOUND,
        f"order {book.order_id!r} has no capture {capture_id!r}",
        field_name,
    )


def captures_of(book: OrderBook, capture_id: str | None) -> list[Capture]:
    """The named capture, or all, newest first."""
    return [one for one in book.captures if capture_id in (None, one.capture_id)]


def pick_all(book: OrderBook, capture_id: str | None, *, fees: bool) -> Picks:
    """Every line's rest, with or without the return fees that were kept.

    Captures of which no money is left are not touched.
    """
    picks = Picks(book)
    for capture in captures_of(book, capture_id):
        lines = [line for line in book.lines[capture.pk].values() if fees or not line.is_return_fee]
        if sum(line.left.amount_minor for line in lines) > 0:
            for line in lines:
                if line.left != Portion():
                    picks.take(line, take_rest(line))
    return picks


def take_remnants(picks: Picks) -> None:
    """With a capture's last cent goes what is left of its lines and comes to nothing together.

    It is there when goods were refunded without their share of a discount, say. Goods' units are
    left: who keeps the goods and is given back all the money has nothing more to be given.
    """
    for capture in picks.book.captures:
        lines = [line for line in picks.lines(capture.pk) if not line.is_return_fee]
        touched = any(picks.picked(line.pk).amount_minor for line in lines)
        if touched and not sum(line.left.amount_minor for line in lines):
            for line in lines:
                rest = replace(line.left, quantity=0)
                if rest != Portion():
                    picks.take(line, rest, by_amount=True)


def pick_lines(asks: Sequence[LineAsk], book: OrderBook) -> Picks | Refusal:
    """Each ask draws on what the asks before it left, so that repeats of a line add up."""
    picks = Picks(book)
    for ask in asks:
        refusal = no_such_capture(book, ask.capture_id, f"{ask.path}.capture_id")
        if refusal is not None:
            return refusal
        candidates = [picks.now(line) for line in _captured(ask, book)]
        if not candidates:
            return Refusal(
                RefusalCode.LINE_NOT_CAPTURED,
                f"order {book.order_id!r} has no captured line {ask.line_id!r}",
                f"{ask.path}.line_id",
            )
        if ask.amount_minor is None:
            refusal = _pick_units(picks, ask, ask.quantity or 0, candidates)
        else:
            refusal = _pick_amount(picks, ask, ask.amount_minor, candidates)
        if refusal is not None:
            return refusal
    return picks


def _captured(ask: LineAsk, book: OrderBook) -> Iterator[CapturedLine]:
    """The captured lines an ask may draw on: of the named capture, else the newest first."""
    for capture in captures_of(book, ask.capture_id):
        line = book.lines[capture.pk].get(ask.line_id)
        if line is not None:
            yield line


def _pick_units(
    picks: Picks, ask: LineAsk, wanted: int, candidates: Sequence[CapturedLine]
) -> Refusal | None:
    left = sum(line.left.quantity for line in candidates)
    if wanted > left:
        return Refusal(
            RefusalCode.EXCEEDS_CAPTURED,
            f"{wanted} of line {ask.line_id!r} asked, {left} left",
            f"{ask.path}.quantity",
        )
    for line in candidates:
        units = min(wanted, line.left.quantity)
        if units:
            picks.take(line, take_units(line, units))
            wanted -= units
    return None


def _pick_amount(
    picks: Picks, ask: LineAsk, wanted: int, candidates: Sequence[CapturedLine]
) -> Refusal | None:
    """An amount of a negative line (a discount, a gift card) is told without its sign."""
    left = sum(abs(line.left.amount_minor) for line in candidates)
    if wanted > left:
        return Refusal(
            RefusalCode.EXCEEDS_CAPTURED,
            f"{wanted} of line {ask.line_id!r} asked, {left} left",
            f"{ask.path}.amount_minor",
        )
    for line in candidates:
        amount = min(wanted, abs(line.left.amount_minor))
        if amount:
            signed = amount if line.left.amount_minor > 0 else -amount
            picks.take(line, take_amount(line, signed), by_amount=True)
            wanted -= amount
    return None
