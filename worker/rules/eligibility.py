"""Whether a refund is accepted, and what it takes of which capture and line."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from models.values.identifiers import refund_id_of
from models.values.orders import (
    Acceptance,
    Capture,
    CapturedLine,
    CaptureShare,
    LineAsk,
    LineShare,
    OrderBook,
    RefundAsk,
)
from models.values.refusals import Refusal, RefusalCode
from models.values.states import RefundKind
from worker.rules.apportioning import take_rest, take_units
from worker.rules.splitting import cash_of


def decide(ask: RefundAsk, book: OrderBook | None) -> Acceptance | Refusal:
    """Accept a request whole or refuse it whole, on what is left of the order now."""
    if book is None or not book.captures:
        return Refusal(
            RefusalCode.ORDER_NOT_FOUND, f"no captured order {ask.order_id!r}", "order_id"
        )
    refusal = _not_built(ask) or _wrong_currency(ask, book)
    if refusal is not None:
        return refusal
    picked = _all_left(book) if ask.kind is RefundKind.FULL else _asked_lines(ask.lines, book)
    return picked if isinstance(picked, Refusal) else _accept(ask, book, picked)


def _not_built(ask: RefundAsk) -> Refusal | None:
    if ask.kind is RefundKind.AMOUNT:
        return Refusal(
            RefusalCode.KIND_NOT_SUPPORTED, "refunds of a bare amount are not built yet", "kind"
        )
    if ask.return_fee_minor:
        return Refusal(
            RefusalCode.RETURN_FEE_NOT_SUPPORTED,
            "return fees are not built yet",
            "return_fee_minor",
        )
    for line in ask.lines:
        if line.amount_minor is not None:
            return Refusal(
                RefusalCode.LINE_AMOUNT_NOT_SUPPORTED,
                "refunds of an amount of a line are not built yet",
                f"{line.path}.amount_minor",
            )
    return None


def _wrong_currency(ask: RefundAsk, book: OrderBook) -> Refusal | None:
    if ask.currency is None or ask.currency == book.currency:
        return None
    return Refusal(
        RefusalCode.CURRENCY_MISMATCH,
        f"the order is in {book.currency}, not {ask.currency}",
        "currency",
    )


def _all_left(book: OrderBook) -> dict[int, list[LineShare]]:
    """Every line's rest. Captures of which no money is left are not touched."""
    return {
        capture.pk: [
            LineShare(line.pk, line.line_id, take_rest(line))
            for line in book.lines[capture.pk].values()
            if line.left.quantity or line.left.amount_minor
        ]
        for capture in book.captures
        if capture.left_minor > 0
    }


def _asked_lines(asks: Sequence[LineAsk], book: OrderBook) -> dict[int, list[LineShare]] | Refusal:
    """Each ask draws on what the asks before it left, so that repeats of a line add up."""
    lines: dict[int, CapturedLine] = {}
    picked: dict[int, dict[int, LineShare]] = {}
    for ask in asks:
        if ask.capture_id is not None and all(
            capture.capture_id != ask.capture_id for capture in book.captures
        ):
            return Refusal(
                RefusalCode.CAPTURE_NOT_FOUND,
                f"order {book.order_id!r} has no capture {ask.capture_id!r}",
                f"{ask.path}.capture_id",
            )
        candidates = [lines.get(line.pk, line) for line in _captured(ask, book)]
        if not candidates:
            return Refusal(
                RefusalCode.LINE_NOT_CAPTURED,
                f"order {book.order_id!r} has no captured line {ask.line_id!r}",
                f"{ask.path}.line_id",
            )
        wanted = ask.quantity or 0
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
                portion = take_units(line, units)
                lines[line.pk] = replace(line, taken=line.taken.plus(portion))
                of_capture = picked.setdefault(line.capture_pk, {})
                earlier = of_capture.get(line.pk)
                if earlier is not None:
                    portion = earlier.portion.plus(portion)
                of_capture[line.pk] = LineShare(line.pk, line.line_id, portion)
                wanted -= units
    return {capture_pk: list(shares.values()) for capture_pk, shares in picked.items()}


def _captured(ask: LineAsk, book: OrderBook) -> Iterable[CapturedLine]:
    """The captured lines an ask may draw on: of the named capture, else the newest first."""
    for capture in book.captures:
        if ask.capture_id is None or ask.capture_id == capture.capture_id:
            line = book.lines[capture.pk].get(ask.line_id)
            if line is not None:
                yield line


def _accept(
    ask: RefundAsk, book: OrderBook, picked: dict[int, list[LineShare]]
) -> Acceptance | Refusal:
    shares = []
    for capture in book.captures:
        lines = picked.get(capture.pk, [])
        if lines:
            share = _share(capture, lines)
            if share.amount_minor > capture.left_minor:
                return Refusal(
                    RefusalCode.EXCEEDS_CAPTURED,
                    f"{share.amount_minor} asked of capture {capture.capture_id!r}, "
                    f"{capture.left_minor} left (discounts included)",
                    "lines",
                )
            if share.amount_minor < 0:
                return Refusal(
                    RefusalCode.AMOUNT_NOT_POSITIVE,
                    f"the lines asked of capture {capture.capture_id!r} "
                    f"come to {share.amount_minor}",
                    "lines",
                )
            shares.append(share)
    if shares and not sum(share.amount_minor for share in shares):
        return Refusal(RefusalCode.AMOUNT_NOT_POSITIVE, "the lines asked come to nothing", "lines")
    if not shares:
        return Refusal(
            RefusalCode.NOTHING_LEFT_TO_REFUND,
            f"nothing is left to refund of order {book.order_id!r}",
            "order_id",
        )
    return Acceptance(
        refund_id_of(ask.merchant_id, ask.idempotency_key),
        sum(share.amount_minor for share in shares),
        shares,
    )


def _share(capture: Capture, lines: Sequence[LineShare]) -> CaptureShare:
    amount_minor = sum(line.portion.amount_minor for line in lines)
    return CaptureShare(
        capture.pk, capture.provider, amount_minor, cash_of(capture, amount_minor), lines
    )
