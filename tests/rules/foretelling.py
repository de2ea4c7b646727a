"""The second opinion as a verdict: what `reckoning` takes, with fees, limits, holds and cash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from models.values.orders import Acceptance, Capture, KeptFee, OrderBook, Portion, RefundAsk
from models.values.policies import Circumstances, FeeSupport
from models.values.refusals import Refusal, RefusalCode
from models.values.states import HoldKind, LineType, Reason, RefundKind
from tests.rules.drawing import portions
from tests.rules.reckoning import No, Reckoning, half_away, money, shared_out, tax_share


@dataclass(frozen=True)
class Yes:
    """An acceptance, told by captured line and by capture."""

    lines: Mapping[int, Portion]
    bases: Mapping[int, Portion]
    """What the units left will share from, of the lines of which it changes."""
    amounts: Mapping[int, int]
    cash: Mapping[int, int]
    fees: Mapping[int, KeptFee]
    tenders: Mapping[int, tuple[int, int]]
    """To gift cards and to store credit."""
    holds: tuple[HoldKind, ...]
    due_at: datetime | None


def heard(verdict: Acceptance | Refusal) -> No | Yes:
    """What `decide` said, in the same words."""
    if isinstance(verdict, Refusal):
        return verdict.code, verdict.field
    return Yes(
        portions(verdict.shares),
        {
            one.line_pk: one.basis
            for share in verdict.shares
            for one in share.lines
            if one.basis is not None
        },
        {share.capture_pk: share.amount_minor for share in verdict.shares},
        {share.capture_pk: share.cash_minor for share in verdict.shares},
        {share.capture_pk: share.fee for share in verdict.shares if share.fee is not None},
        {
            share.capture_pk: (share.gift_card_minor, share.store_credit_minor)
            for share in verdict.shares
        },
        tuple(verdict.holds),
        verdict.due_at,
    )


def expected(ask: RefundAsk, of: OrderBook, around: Circumstances) -> No | Yes:
    """The verdict on a request, told by someone else."""
    if ask.currency not in (None, of.currency):
        return RefusalCode.CURRENCY_MISMATCH, "currency"
    reckoning = Reckoning(ask, of)
    no = reckoning.run()
    if no is not None:
        return no
    touched = [one for one in of.captures if any(w.named for w in reckoning.ways[one.pk])]
    gross = {
        one.pk: sum(way.moved.amount_minor for way in reckoning.ways[one.pk]) for one in touched
    }
    no = _bounds(reckoning, touched, gross)
    if no is not None:
        return no
    kept = dict(zip(gross, shared_out(ask.return_fee_minor, [*gross.values()]), strict=True))
    net = {pk: amount - kept[pk] for pk, amount in gross.items()}
    no = _fee(reckoning, touched, sum(gross.values()), around) or _limits(
        ask, of, touched, sum(net.values()), around
    )
    if no is not None:
        return no
    rate = around.policy.return_fee.tax_rate_basis_points if around.policy.return_fee else 0
    ways = [way for one in touched for way in reckoning.ways[one.pk] if way.named]
    asked_at = min(around.at, ask.requested_at or around.at)
    within = around.policy.due_within
    return Yes(
        {way.line.pk: way.moved for way in ways},
        {way.line.pk: way.base for way in ways if way.base != way.line.basis},
        net,
        # Of all that is taken the unpaid part is debt; cash is what is more.
        {
            one.pk: max(one.taken_minor + net[one.pk] - (one.captured_minor - one.paid_minor), 0)
            - one.cash_minor
            for one in touched
        },
        {
            pk: KeptFee(fee, half_away(tax_share(fee, rate)), rate)
            for pk, fee in kept.items()
            if fee
        },
        {
            one.pk: (
                _tendered(reckoning, one, LineType.GIFT_CARD),
                _tendered(reckoning, one, LineType.STORE_CREDIT),
            )
            for one in touched
        },
        _holds(ask, touched, sum(net.values()), around),
        None if within is None else asked_at + within,
    )


def _bounds(
    reckoning: Reckoning, touched: Sequence[Capture], gross: Mapping[int, int]
) -> No | None:
    for capture in touched:
        # A fee that was kept does not make up for goods without their discount.
        if gross[capture.pk] > capture.left_minor or money(reckoning.goods(capture)) < 0:
            return RefusalCode.EXCEEDS_CAPTURED, "lines"
        if gross[capture.pk] < 0:
            return RefusalCode.AMOUNT_NOT_POSITIVE, "lines"
    if not touched:
        return RefusalCode.NOTHING_LEFT_TO_REFUND, "order_id"
    return None if any(gross.values()) else (RefusalCode.AMOUNT_NOT_POSITIVE, "lines")


def _fee(
    reckoning: Reckoning, touched: Sequence[Capture], gross: int, around: Circumstances
) -> No | None:
    ask, of, ways = reckoning.ask, reckoning.book, reckoning.ways
    fee, policy = ask.return_fee_minor, around.policy.return_fee
    if not fee:
        return None
    if policy is None:
        return RefusalCode.RETURN_FEE_NOT_ALLOWED, "return_fee_minor"
    single_and_full = len(of.captures) == 1 and all(
        one.order_amount_minor in (None, one.captured_minor) for one in of.captures
    )
    takes = {
        FeeSupport.ANY: True,
        FeeSupport.SINGLE_FULL_CAPTURE: single_and_full and ask.kind is not RefundKind.AMOUNT,
    }
    if any(way.is_fee and way.named for one in touched for way in ways[one.pk]):
        return RefusalCode.RETURN_FEE_NOT_POSSIBLE, "return_fee_minor"
    if not all(takes.get(around.fee_support.get(one.provider, FeeSupport.NONE)) for one in touched):
        return RefusalCode.RETURN_FEE_NOT_POSSIBLE, "return_fee_minor"
    if fee >= gross:
        return RefusalCode.RETURN_FEE_EXCEEDS_REFUND, "return_fee_minor"
    above = policy.cap_minor is not None and fee > policy.cap_minor
    if policy.cap_basis_points is not None:
        above = above or fee * 10_000 > gross * policy.cap_basis_points
    return (RefusalCode.RETURN_FEE_ABOVE_CAP, "return_fee_minor") if above else None


def _limits(
    ask: RefundAsk, of: OrderBook, touched: Sequence[Capture], net: int, around: Circumstances
) -> No | None:
    policy = around.policy
    where = {
        RefundKind.FULL: "order_id",
        RefundKind.LINES: "lines",
        RefundKind.AMOUNT: "amount_minor",
    }[ask.kind]
    whole = ask.kind is RefundKind.FULL or net == sum(
        one.captured_minor - one.taken_minor for one in of.captures
    )
    if net > policy.amount_max_minor:
        return RefusalCode.AMOUNT_ABOVE_MAXIMUM, where
    if net < policy.amount_min_minor and not whole:
        return RefusalCode.AMOUNT_BELOW_MINIMUM, where
    if policy.refunds_max is not None and of.refund_count + 1 > policy.refunds_max:
        return RefusalCode.TOO_MANY_REFUNDS, "order_id"
    asked_at = min(around.at, ask.requested_at or around.at)
    oldest = min(one.captured_at for one in touched)
    if policy.window is not None and oldest + policy.window < asked_at:
        return RefusalCode.WINDOW_CLOSED, where
    return None


def _tendered(reckoning: Reckoning, capture: Capture, kind: LineType) -> int:
    return sum(
        -way.moved.amount_minor
        for way in reckoning.ways[capture.pk]
        if way.line.type is kind and way.whole.amount_minor < 0
    )


def _holds(
    ask: RefundAsk, touched: Sequence[Capture], net: int, around: Circumstances
) -> tuple[HoldKind, ...]:
    policy = around.policy
    holds = []
    if policy.approval_above_minor is not None and net > policy.approval_above_minor:
        holds.append(HoldKind.APPROVAL)
    by_policy = policy.returns_await_goods and ask.reason is Reason.RETURN
    if ask.awaits_goods or (ask.awaits_goods is None and by_policy):
        holds.append(HoldKind.GOODS)
    if around.disputed & {one.pk for one in touched}:
        holds.append(HoldKind.DISPUTE)
    return tuple(holds)
