"""A second opinion on refunds: what `decide` must say, in exact fractions and told on its own.

Nothing here is taken from the rules. Every line remembers how far it has come; an amount is where
a line is after a refund less where it was before. It knows nothing of refunds that were released.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

from models.values.orders import Capture, CapturedLine, LineAsk, OrderBook, Portion, RefundAsk
from models.values.refusals import RefusalCode
from models.values.states import LineType, RefundKind

No = tuple[RefusalCode, str]
"""A refusal: its code and its field."""
HALF = Fraction(1, 2)
TAKEN_ALONG = (LineType.DISCOUNT, LineType.GIFT_CARD, LineType.STORE_CREDIT)


def half_away(exact: Fraction) -> int:
    """The nearest whole number; of two, the one that is further from zero."""
    return floor(exact + HALF) if exact >= 0 else ceil(exact - HALF)


def half_down(exact: Fraction) -> int:
    """The nearest whole number; of two, the lower."""
    return ceil(exact - HALF)


def shared_out(amount: int, weights: Sequence[int]) -> list[int]:
    """Cent by cent to whoever is furthest below the exact share; of equals, to the first."""
    total = sum(weights)
    if not amount:
        return [0 for _ in weights]
    exact = [Fraction(amount * weight, total) for weight in weights]
    given = [floor(one) for one in exact]
    while sum(given) < amount:
        below = [one - got for one, got in zip(exact, given, strict=True)]
        given[below.index(max(below))] += 1
    return given


def tax_share(amount: int, rate: int) -> Fraction:
    """The tax that is contained in an amount by its rate."""
    return Fraction(amount * rate, 10_000 + rate)


def tax_within(line: CapturedLine, amount: int) -> int:
    """The tax in the first `amount` of a line.

    It is the only whole number whose distance from the exact share lies in a window of length one:
    around zero, or, where the captured tax is off by a half or more, from there to zero.
    """
    whole = line.captured
    if amount == whole.amount_minor:
        return whole.tax_minor
    sign = -1 if whole.amount_minor < 0 else 1
    exact = tax_share(sign * amount, line.tax_rate_basis_points)
    off = sign * whole.tax_minor - tax_share(sign * whole.amount_minor, line.tax_rate_basis_points)
    if abs(off) > 1 or not line.tax_rate_basis_points:
        return half_away(Fraction(whole.tax_minor * amount, whole.amount_minor))
    if abs(off) == 1:
        return sign * (ceil(exact) if off > 0 else floor(exact))
    near = range(floor(exact) - 2, floor(exact) + 4)
    if off >= HALF:
        fitting = [one for one in near if off - 1 < one - exact <= off]
    elif off <= -HALF:
        fitting = [one for one in near if off <= one - exact < off + 1]
    else:
        fitting = [one for one in near if -HALF < one - exact <= HALF]
    (found,) = fitting
    return sign * found


class Way:
    """How far a captured line has come, and how far an amount refund of it had come before."""

    def __init__(self, line: CapturedLine) -> None:
        self.line, self.whole = line, line.captured
        self.at, self.base = line.taken, line.basis
        self.named = False

    @property
    def left(self) -> Portion:
        """What is left of it now."""
        return self.whole.minus(self.at)

    @property
    def moved(self) -> Portion:
        """How far it has come in this refund."""
        return self.at.minus(self.line.taken)

    @property
    def is_fee(self) -> bool:
        """Whether it is a return fee that was kept."""
        return self.line.type is LineType.RETURN_FEE

    @property
    def goes_along(self) -> bool:
        """Whether it is taken in shares along with goods."""
        negative = self.line.type in TAKEN_ALONG and self.whole.amount_minor < 0
        return negative or self.line.type is LineType.SALES_TAX

    def by_units(self, count: int) -> None:
        """Units go on evenly from the last amount refund to the end."""
        quantity = self.at.quantity + count
        self.named = True
        if quantity == self.whole.quantity:
            self.at = self.whole
            return
        part = Fraction(quantity - self.base.quantity, self.whole.quantity - self.base.quantity)
        rest = self.whole.minus(self.base)
        self._go(
            quantity,
            half_away(self.base.amount_minor + rest.amount_minor * part),
            half_down(self.base.discount_minor + rest.discount_minor * part),
        )

    def by_amount(self, amount: int) -> None:
        """An amount takes its part of the discount, and leaves the units."""
        if amount:
            self.named = True
            after = self.at.amount_minor + amount
            part = Fraction(after, self.whole.amount_minor)
            self._go(self.at.quantity, after, half_away(self.whole.discount_minor * part))
            self.base = self.at

    def to_the_end(self, *, units: bool) -> None:
        """All of it, with or without the units."""
        end = self.whole if units else replace(self.whole, quantity=self.at.quantity)
        if end != self.at:
            self.named, self.at = True, end
            self.base = self.base if units else end

    def _go(self, quantity: int, amount: int, discount: int) -> None:
        # The last cent of an amount takes the whole discount; nothing is ever taken back.
        by_amount = quantity == self.at.quantity
        if by_amount and amount == self.whole.amount_minor != self.at.amount_minor:
            discount = self.whole.discount_minor
        self.at = Portion(
            quantity,
            amount,
            tax_within(self.line, amount),
            max(discount, self.at.discount_minor),
        )


def money(ways: Iterable[Way]) -> int:
    """What is left of lines together."""
    return sum(way.left.amount_minor for way in ways)


@dataclass
class Reckoning:
    """What a request takes of an order, before fees and limits."""

    ask: RefundAsk
    book: OrderBook

    def __post_init__(self) -> None:
        self.ways = {
            capture.pk: [Way(line) for line in self.book.lines[capture.pk].values()]
            for capture in self.book.captures
        }

    def captures(self, capture_id: str | None) -> list[Capture]:
        """The captures of this id, or all."""
        return [one for one in self.book.captures if capture_id in (None, one.capture_id)]

    def goods(self, capture: Capture) -> list[Way]:
        """A capture's lines but for return fees that were kept."""
        return [way for way in self.ways[capture.pk] if not way.is_fee]

    def run(self) -> No | None:
        """Take what is asked; tell the refusal if it cannot be."""
        if not self.captures(self.ask.capture_id):
            return RefusalCode.CAPTURE_NOT_FOUND, "capture_id"
        run = {
            RefundKind.FULL: self._full,
            RefundKind.AMOUNT: self._bare,
            RefundKind.LINES: self._lines,
        }[self.ask.kind]
        no = run()
        if no is None:
            self._remnants()
        return no

    def _full(self) -> No | None:
        for capture in self.captures(self.ask.capture_id):
            all_lines = not self.ask.return_fee_minor
            ways = self.ways[capture.pk] if all_lines else self.goods(capture)
            if money(ways) > 0:
                for way in ways:
                    way.to_the_end(units=True)
        return None

    def _bare(self) -> No | None:
        captures = self.captures(self.ask.capture_id)
        goods = [self.goods(one) for one in captures]
        fees = [
            [way for way in self.ways[one.pk] if way.is_fee and not self.ask.return_fee_minor]
            for one in captures
        ]
        amount = self.ask.amount_minor or 0
        most = sum(money(ways) for ways in goods + fees)
        if most and amount > most:
            return RefusalCode.EXCEEDS_CAPTURED, "amount_minor"
        first = min(amount, sum(money(ways) for ways in goods))
        for part, groups in ((first, goods), (amount - first if most else 0, fees)):
            for of_it, ways in zip(shared_out(part, [*map(money, groups)]), groups, strict=True):
                parts = shared_out(of_it, [way.left.amount_minor for way in ways])
                for way, one in zip(ways, parts, strict=True):
                    way.by_amount(one)
        return None

    def _lines(self) -> No | None:
        for told in self.ask.lines:
            no = self._line(told)
            if no is not None:
                return no
        if self.ask.with_shares:
            for capture in self.book.captures:
                self._shares(self.goods(capture), capture.capture_id)
        return None

    def _line(self, told: LineAsk) -> No | None:
        captures = self.captures(told.capture_id)
        if not captures:
            return RefusalCode.CAPTURE_NOT_FOUND, f"{told.path}.capture_id"
        ways = [
            way for one in captures for way in self.ways[one.pk] if way.line.line_id == told.line_id
        ]
        if not ways:
            return RefusalCode.LINE_NOT_CAPTURED, f"{told.path}.line_id"
        if told.amount_minor is None:
            open_units = [way for way in ways for _ in range(way.left.quantity)]
            given = open_units[: told.quantity]
            if len(given) < (told.quantity or 0):
                return RefusalCode.EXCEEDS_CAPTURED, f"{told.path}.quantity"
            for way in dict.fromkeys(given):
                way.by_units(given.count(way))
            return None
        wanted = told.amount_minor
        for way in ways:
            there = abs(way.left.amount_minor)
            sign = -1 if way.whole.amount_minor < 0 else 1
            way.by_amount(sign * min(there, wanted))
            wanted -= min(there, wanted)
        return (RefusalCode.EXCEEDS_CAPTURED, f"{told.path}.amount_minor") if wanted else None

    def _shares(self, ways: Sequence[Way], capture_id: str) -> None:
        goods = [way for way in ways if not way.goes_along]
        if not any(way.moved.amount_minor for way in goods):
            return
        part = Fraction(
            sum(way.at.amount_minor for way in goods),
            sum(way.whole.amount_minor for way in goods),
        )
        # A line that is named in one capture still goes along in the others.
        asked = {one.line_id for one in self.ask.lines if one.capture_id in (None, capture_id)}
        for way in ways:
            if way.goes_along and way.line.line_id not in asked:
                if part == 1:
                    way.to_the_end(units=True)
                    continue
                target = half_away(way.whole.amount_minor * part)
                if abs(target) > abs(way.at.amount_minor):
                    way.by_amount(target - way.at.amount_minor)

    def _remnants(self) -> None:
        for capture in self.book.captures:
            ways = self.goods(capture)
            if any(way.moved.amount_minor for way in ways) and not money(ways):
                for way in ways:
                    way.to_the_end(units=False)
