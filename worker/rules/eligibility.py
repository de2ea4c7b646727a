"""Whether a refund is accepted, and what it takes of which capture and line."""

from collections.abc import Sequence
from dataclasses import replace

from models.values.identifiers import refund_id_of
from models.values.orders import (
    Acceptance,
    Capture,
    CapturedLine,
    CaptureShare,
    LineShare,
    OrderBook,
    RefundAsk,
)
from models.values.policies import Circumstances
from models.values.refusals import Refusal, RefusalCode
from models.values.states import TENDERS, LineType, RefundKind
from worker.rules.accompanying import take_shares
from worker.rules.limiting import beyond_limits, due_at, holds_of
from worker.rules.picking import Picks, no_such_capture, pick_all, pick_lines, take_remnants
from worker.rules.return_fees import keep_fee
from worker.rules.splitting import cash_of
from worker.rules.spreading import lines_left, money_left, pick_amount


def decide(ask: RefundAsk, book: OrderBook | None, around: Circumstances) -> Acceptance | Refusal:
    """Accept a request whole or refuse it whole, on what is left of the order now."""
    if book is None or not book.captures:
        return Refusal(
            RefusalCode.ORDER_NOT_FOUND, f"no captured order {ask.order_id!r}", "order_id"
        )
    refusal = _wrong_currency(ask, book) or no_such_capture(book, ask.capture_id, "capture_id")
    if refusal is not None:
        return refusal
    picks = _pick(ask, book)
    if isinstance(picks, Refusal):
        return picks
    take_remnants(picks)
    picked = _shares(book, picks)
    refusal = _out_of_bounds(ask, picks, picked)
    if refusal is not None:
        return refusal
    shares = keep_fee(ask, book, picked, around)
    if isinstance(shares, Refusal):
        return shares
    refusal = beyond_limits(ask, book, shares, around)
    if refusal is not None:
        return refusal
    return Acceptance(
        refund_id_of(ask.merchant_id, ask.idempotency_key),
        sum(share.amount_minor for share in shares),
        [_split(book.capture(share.capture_pk), share) for share in shares],
        holds_of(ask, shares, around),
        due_at(ask, around),
    )


def _wrong_currency(ask: RefundAsk, book: OrderBook) -> Refusal | None:
    if ask.currency is None or ask.currency == book.currency:
        return None
    return Refusal(
        RefusalCode.CURRENCY_MISMATCH,
        f"the order is in {book.currency}, not {ask.currency}",
        "currency",
    )


def _pick(ask: RefundAsk, book: OrderBook) -> Picks | Refusal:
    # Of an earlier return fee no fee is kept: with one, the earlier ones stay where they are.
    if ask.kind is RefundKind.FULL:
        fees = not ask.return_fee_minor
        left = money_left(book, ask.capture_id, fees=fees)
        if left < lines_left(book, ask.capture_id, fees=fees):
            # A kept fee was given back, and its refund reversed: the lines are worth more.
            return pick_amount(left, book, ask.capture_id, fees=fees)
        return pick_all(book, ask.capture_id, fees=fees)
    if ask.kind is RefundKind.AMOUNT:
        return pick_amount(
            ask.amount_minor or 0, book, ask.capture_id, fees=not ask.return_fee_minor
        )
    picks = pick_lines(ask.lines, book)
    if isinstance(picks, Picks) and ask.with_shares:
        take_shares(picks, ask.lines)
    return picks


def _shares(book: OrderBook, picks: Picks) -> list[CaptureShare]:
    """What is picked, capture by capture, newest first; before fees and the split of debt."""
    shares = []
    for capture in book.captures:
        lines = picks.shares(capture)
        if lines:
            amount = sum(line.portion.amount_minor for line in lines)
            of_lines = book.lines[capture.pk]
            gift_card, store_credit = (_tendered(lines, of_lines, kind) for kind in TENDERS)
            shares.append(
                CaptureShare(
                    capture.pk,
                    capture.provider,
                    amount,
                    amount,
                    lines,
                    gift_card_minor=gift_card,
                    store_credit_minor=store_credit,
                )
            )
    return shares


def _tendered(lines: Sequence[LineShare], of: dict[str, CapturedLine], kind: LineType) -> int:
    """What goes back to a tender: what negative lines of its type take."""
    return -sum(
        min(line.portion.amount_minor, 0) for line in lines if of[line.line_id].type is kind
    )


def _out_of_bounds(ask: RefundAsk, picks: Picks, shares: Sequence[CaptureShare]) -> Refusal | None:
    for share in shares:
        capture = picks.book.capture(share.capture_pk)
        # Lines come to less than nothing when goods went back without their share of a discount:
        # they would draw on a return fee that was kept, or on what is not there.
        rest = sum(
            line.left.amount_minor for line in picks.lines(capture.pk) if not line.is_return_fee
        )
        left = min(capture.left_minor, share.amount_minor + rest)
        if share.amount_minor > left:
            return Refusal(
                RefusalCode.EXCEEDS_CAPTURED,
                f"{share.amount_minor} asked of capture {capture.capture_id!r}, "
                f"{left} left (discounts included)",
                "lines",
            )
        if share.amount_minor < 0:
            return Refusal(
                RefusalCode.AMOUNT_NOT_POSITIVE,
                f"the lines asked of capture {capture.capture_id!r} come to {share.amount_minor}",
                "lines",
            )
    if not shares:
        return Refusal(
            RefusalCode.NOTHING_LEFT_TO_REFUND,
            f"nothing is left to refund of order {ask.order_id!r}",
            "order_id",
        )
    if not sum(share.amount_minor for share in shares):
        return Refusal(RefusalCode.AMOUNT_NOT_POSITIVE, "the lines asked come to nothing", "lines")
    return None


def _split(capture: Capture, share: CaptureShare) -> CaptureShare:
    return replace(share, cash_minor=cash_of(capture, share.amount_minor))
