"""Return fees: kept from the refunded amount, so that less is repaid and less is deducted.

Sources: Klarna, "Return fee" (markets, one single full capture, lines that come to the refund);
EU directive 2011/83, article 14 (the cost of the return, where the customer was told).
What is kept stays refundable: it becomes a line of the capture when its refund has settled.
"""

from collections.abc import Sequence
from dataclasses import replace

from models.values.orders import CaptureShare, KeptFee, OrderBook, RefundAsk
from models.values.policies import Circumstances, FeePolicy, FeeSupport
from models.values.refusals import Refusal, RefusalCode
from models.values.states import RefundKind
from worker.rules.allocating import largest_remainder
from worker.rules.apportioning import BASIS_POINTS, tax_in

FIELD = "return_fee_minor"


def keep_fee(
    ask: RefundAsk, book: OrderBook, shares: Sequence[CaptureShare], around: Circumstances
) -> Sequence[CaptureShare] | Refusal:
    """The shares less the fee that the request keeps, divided in proportion to them."""
    fee = ask.return_fee_minor
    if not fee:
        return shares
    policy = around.policy.return_fee
    if policy is None:
        return Refusal(
            RefusalCode.RETURN_FEE_NOT_ALLOWED,
            f"no return fee may be kept of merchant {book.merchant_id!r} in market {book.market!r}",
            FIELD,
        )
    amount = sum(share.amount_minor for share in shares)
    refusal = _not_possible(ask, book, shares, around) or _too_much(fee, amount, policy)
    if refusal is not None:
        return refusal
    kept = largest_remainder(fee, [share.amount_minor for share in shares])
    rate = policy.tax_rate_basis_points
    return [
        replace(
            share,
            amount_minor=share.amount_minor - part,
            fee=KeptFee(part, tax_in(part, rate), rate) if part else None,
        )
        for share, part in zip(shares, kept, strict=True)
    ]


def _not_possible(
    ask: RefundAsk, book: OrderBook, shares: Sequence[CaptureShare], around: Circumstances
) -> Refusal | None:
    for share in shares:
        lines = book.lines[share.capture_pk]
        if any(lines[one.line_id].is_return_fee for one in share.lines):
            return Refusal(
                RefusalCode.RETURN_FEE_NOT_POSSIBLE, "no fee is kept of a return fee", FIELD
            )
        support = around.fee_support.get(share.provider, FeeSupport.NONE)
        if support is FeeSupport.ANY:
            continue
        if support is FeeSupport.NONE:
            why = "takes no return fees"
        elif len(book.captures) > 1:
            why = "takes a return fee only on an order of one single capture"
        elif book.captures[0].order_amount_minor not in (None, book.captures[0].captured_minor):
            why = "takes a return fee only on an order that is fully captured"
        elif ask.kind is RefundKind.AMOUNT:
            why = "takes a return fee only where lines are refunded"
        else:
            continue
        return Refusal(
            RefusalCode.RETURN_FEE_NOT_POSSIBLE, f"provider {share.provider!r} {why}", FIELD
        )
    return None


def _too_much(fee: int, amount: int, policy: FeePolicy) -> Refusal | None:
    if fee >= amount:
        return Refusal(
            RefusalCode.RETURN_FEE_EXCEEDS_REFUND, f"{fee} kept of {amount} leaves nothing", FIELD
        )
    caps = []
    if policy.cap_minor is not None:
        caps.append(policy.cap_minor)
    if policy.cap_basis_points is not None:
        caps.append(amount * policy.cap_basis_points // BASIS_POINTS)
    if caps and fee > min(caps):
        return Refusal(
            RefusalCode.RETURN_FEE_ABOVE_CAP, f"{fee} is above the cap of {min(caps)}", FIELD
        )
    return None
