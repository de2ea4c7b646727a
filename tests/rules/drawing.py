"""Orders, requests and circumstances for the tests of rules, told by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from models.values.identifiers import return_fee_line_id
from models.values.orders import (
    Acceptance,
    Capture,
    CapturedLine,
    CaptureShare,
    LineAsk,
    LineShare,
    OrderBook,
    Portion,
    RefundAsk,
)
from models.values.policies import Circumstances, FeePolicy, FeeSupport, Policy
from models.values.states import LineType, RefundKind
from worker.rules.eligibility import decide

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=30)
COMPONENTS = ("quantity", "amount_minor", "tax_minor", "discount_minor")
MONEY = COMPONENTS[1:]

PERMISSIVE = Policy(return_fee=FeePolicy(tax_rate_basis_points=1_900))
"""A return fee of any amount may be kept, with 19 % tax in it; nothing is limited."""
SUPPORT = {"sandbox": FeeSupport.ANY, "klarna": FeeSupport.SINGLE_FULL_CAPTURE}
CALM = Circumstances(NOW, PERMISSIVE, SUPPORT)
"""What surrounds a request if a test does not say: nothing that could refuse or hold it."""

Named = tuple[str, int] | tuple[str, int, str | None]
"""A line id with its quantity or amount, and the capture if one is named."""


def under(policy: Policy, *disputed: int, at: datetime = NOW) -> Circumstances:
    """The circumstances of a policy. `disputed` are the captures under dispute."""
    return Circumstances(at, policy, SUPPORT, frozenset(disputed))


def line(
    line_id: str = "l",
    quantity: int = 1,
    amount: int = 100,
    tax: int = 0,
    discount: int = 0,
    *,
    kind: LineType | None = None,
    rate: int = 0,
) -> CapturedLine:
    """A captured line of which nothing is taken. A negative one is a discount, if not told."""
    if kind is None:
        kind = LineType.DISCOUNT if amount < 0 else LineType.PHYSICAL
    return CapturedLine(
        1, 1, line_id, kind, Portion(quantity, amount, tax, discount), Portion(), rate
    )


def book(
    *captures: Sequence[CapturedLine], paid: int | None = None, provider: str = "sandbox"
) -> OrderBook:
    """An order of these captures, told oldest first. `paid` is what is paid of each."""
    made, lines, pk = [], {}, 0
    for number, told in enumerate(captures, start=1):
        of_capture = {}
        for one in told:
            pk += 1
            of_capture[one.line_id] = replace(one, pk=pk, capture_pk=number)
        total = sum(one.captured.amount_minor for one in told)
        made.append(
            Capture(
                number,
                f"c{number}",
                START + timedelta(days=number),
                provider,
                total,
                total if paid is None else paid,
                0,
                0,
            )
        )
        lines[number] = of_capture
    return OrderBook(1, "m", "o", "EUR", made[::-1], lines)


def worth(of: OrderBook, order_amount: int | None) -> OrderBook:
    """The order, told what the whole of it comes to at its captures."""
    return replace(
        of, captures=[replace(one, order_amount_minor=order_amount) for one in of.captures]
    )


def _line_ask(number: int, told: Named, *, by_amount: bool) -> LineAsk:
    return LineAsk(
        f"lines[{number}]",
        told[0],
        None if by_amount else told[1],
        told[1] if by_amount else None,
        told[2] if len(told) == 3 else None,
    )


def units(*named: Named, key: str = "k") -> RefundAsk:
    """A request for quantities of lines: (line id, quantity) or (line id, quantity, capture id)."""
    lines = tuple(_line_ask(n, one, by_amount=False) for n, one in enumerate(named))
    return RefundAsk("m", key, "o", RefundKind.LINES, lines=lines)


def amounts(*named: Named, key: str = "k") -> RefundAsk:
    """A request for amounts of lines: (line id, amount) or (line id, amount, capture id)."""
    lines = tuple(_line_ask(n, one, by_amount=True) for n, one in enumerate(named))
    return RefundAsk("m", key, "o", RefundKind.LINES, lines=lines)


def together(*several: RefundAsk) -> RefundAsk:
    """The lines of several requests in one."""
    lines = [one for ask in several for one in ask.lines]
    return replace(
        several[0], lines=tuple(replace(one, path=f"lines[{n}]") for n, one in enumerate(lines))
    )


def full(key: str = "k", capture_id: str | None = None) -> RefundAsk:
    """A request for the complete order, or for one complete capture."""
    return RefundAsk("m", key, "o", RefundKind.FULL, capture_id=capture_id)


def bare(amount: int, capture_id: str | None = None, *, key: str = "k") -> RefundAsk:
    """A request for a bare amount, of the order or of one capture."""
    return RefundAsk("m", key, "o", RefundKind.AMOUNT, amount_minor=amount, capture_id=capture_id)


def alone(ask: RefundAsk) -> RefundAsk:
    """The request without the shares of sales tax, discounts and tenders."""
    return replace(ask, with_shares=False)


def keeping(fee: int, ask: RefundAsk) -> RefundAsk:
    """The request with a return fee."""
    return replace(ask, return_fee_minor=fee)


def accepted(ask: RefundAsk, of: OrderBook, around: Circumstances = CALM) -> Acceptance:
    """The yes to a request."""
    verdict = decide(ask, of, around)
    assert isinstance(verdict, Acceptance), verdict
    return verdict


def taken(of: OrderBook, *requests: RefundAsk) -> OrderBook:
    """The book after these requests, of which fees that were kept have become lines."""
    for ask in requests:
        verdict = accepted(ask, of)
        of = settled(of.with_taken(verdict.shares), verdict.refund_id, verdict.shares)
    return of


def settled(of: OrderBook, refund_id: UUID, shares: Sequence[CaptureShare]) -> OrderBook:
    """The book once shares have settled: what they kept is a line of its capture (the store's)."""
    pk = max(one.pk for of_capture in of.lines.values() for one in of_capture.values())
    lines = dict(of.lines)
    for share in shares:
        if share.fee is not None:
            pk += 1
            kept = CapturedLine(
                pk,
                share.capture_pk,
                return_fee_line_id(refund_id),
                LineType.RETURN_FEE,
                Portion(1, share.fee.amount_minor, share.fee.tax_minor, 0),
                Portion(),
                share.fee.tax_rate_basis_points,
            )
            lines[share.capture_pk] = {**lines[share.capture_pk], kept.line_id: kept}
    return replace(of, lines=lines)


def released(of: OrderBook, share: CaptureShare) -> OrderBook:
    """The book after the provider declined: what the share took is given back (the store's)."""
    of_capture = dict(of.lines[share.capture_pk])
    for one in share.lines:
        line_ = of_capture[one.line_id]
        of_capture[one.line_id] = replace(line_, taken=line_.taken.minus(one.portion))
    captures = [
        replace(
            one,
            taken_minor=one.taken_minor - share.amount_minor,
            cash_minor=one.cash_minor - share.cash_minor,
        )
        if one.pk == share.capture_pk
        else one
        for one in of.captures
    ]
    return replace(of, captures=captures, lines={**of.lines, share.capture_pk: of_capture})


def portions(shares: Sequence[CaptureShare]) -> dict[int, Portion]:
    """What shares take, by the captured line's pk."""
    found: list[LineShare] = [one for share in shares for one in share.lines]
    assert len({one.line_pk for one in found}) == len(found), "a captured line is named twice"
    return {one.line_pk: one.portion for one in found}


def named(verdict: Acceptance) -> dict[str, int]:
    """What a refund takes in money, by line id."""
    found: dict[str, int] = {}
    for share in verdict.shares:
        for one in share.lines:
            found[one.line_id] = found.get(one.line_id, 0) + one.portion.amount_minor
    return found
