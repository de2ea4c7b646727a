"""What a policy limits, and what makes a refund wait: approval, goods, disputes."""

from collections.abc import Sequence
from datetime import datetime

from models.values.orders import CaptureShare, OrderBook, RefundAsk
from models.values.policies import Circumstances
from models.values.refusals import Refusal, RefusalCode
from models.values.states import HoldKind, Reason, RefundKind


def beyond_limits(
    ask: RefundAsk, book: OrderBook, shares: Sequence[CaptureShare], around: Circumstances
) -> Refusal | None:
    """The refusal of what the policy does not allow. Return fees are judged before."""
    policy = around.policy
    amount = sum(share.amount_minor for share in shares)
    left = sum(capture.left_minor for capture in book.captures)
    if amount > policy.amount_max_minor:
        return Refusal(
            RefusalCode.AMOUNT_ABOVE_MAXIMUM,
            f"{amount} is above the maximum of {policy.amount_max_minor}",
            _measure(ask),
        )
    # What is left may go back whole, however little it is.
    whole = ask.kind is RefundKind.FULL or amount >= left
    if amount < policy.amount_min_minor and not whole:
        return Refusal(
            RefusalCode.AMOUNT_BELOW_MINIMUM,
            f"{amount} is below the minimum of {policy.amount_min_minor}",
            _measure(ask),
        )
    if policy.refunds_max is not None and book.refund_count >= policy.refunds_max:
        return Refusal(
            RefusalCode.TOO_MANY_REFUNDS,
            f"the order has {book.refund_count} refunds, {policy.refunds_max} are allowed",
            "order_id",
        )
    return _too_old(ask, book, shares, around)


def _too_old(
    ask: RefundAsk, book: OrderBook, shares: Sequence[CaptureShare], around: Circumstances
) -> Refusal | None:
    window = around.policy.window
    if window is None:
        return None
    for share in shares:
        capture = book.capture(share.capture_pk)
        if asked_at(ask, around) - capture.captured_at > window:
            return Refusal(
                RefusalCode.WINDOW_CLOSED,
                f"capture {capture.capture_id!r} of {capture.captured_at:%Y-%m-%d} is older than "
                f"{window.days} days",
                _measure(ask),
            )
    return None


def asked_at(ask: RefundAsk, around: Circumstances) -> datetime:
    """When the refund was asked for: as the request says, and never in the future."""
    return around.at if ask.requested_at is None else min(ask.requested_at, around.at)


def due_at(ask: RefundAsk, around: Circumstances) -> datetime | None:
    """Until when the refund must have been repaid (EU directive 2011/83, article 13(1))."""
    within = around.policy.due_within
    return None if within is None else asked_at(ask, around) + within


def holds_of(
    ask: RefundAsk, shares: Sequence[CaptureShare], around: Circumstances
) -> tuple[HoldKind, ...]:
    """What an accepted refund has to wait for."""
    policy = around.policy
    amount = sum(share.amount_minor for share in shares)
    awaits = ask.awaits_goods
    if awaits is None:
        awaits = policy.returns_await_goods and ask.reason is Reason.RETURN
    waits = {
        HoldKind.APPROVAL: policy.approval_above_minor is not None
        and amount > policy.approval_above_minor,
        HoldKind.GOODS: awaits,
        HoldKind.DISPUTE: any(share.capture_pk in around.disputed for share in shares),
    }
    return tuple(kind for kind, wait in waits.items() if wait)


def _measure(ask: RefundAsk) -> str:
    fields = {RefundKind.FULL: "order_id", RefundKind.LINES: "lines"}
    return fields.get(ask.kind, "amount_minor")
