"""What holds of every acceptance and of every book, whatever was asked before."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from models.values.orders import (
    Acceptance,
    Capture,
    CapturedLine,
    CaptureShare,
    LineShare,
    OrderBook,
    Portion,
    RefundAsk,
)
from models.values.policies import Circumstances
from models.values.refusals import Refusal
from models.values.states import LineType
from tests.rules.drawing import COMPONENTS, MONEY
from worker.rules.eligibility import decide


def decided(ask: RefundAsk, of: OrderBook, around: Circumstances) -> Acceptance | Refusal:
    """The verdict: the same again, of a book that is left as it was, and told in words."""
    before = repr((ask, of, around))
    verdict = decide(ask, of, around)
    assert verdict == decide(ask, of, around), "the same input gives the same output"
    assert repr((ask, of, around)) == before, "the input is left as it was"
    if isinstance(verdict, Refusal):
        assert verdict.message
        assert verdict.field
    else:
        _check_acceptance(verdict, ask, of)
    return verdict


def _check_acceptance(verdict: Acceptance, ask: RefundAsk, of: OrderBook) -> None:
    assert verdict.amount_minor == sum(share.amount_minor for share in verdict.shares) > 0
    assert verdict.fee_minor == ask.return_fee_minor
    given_by = [share.capture_pk for share in verdict.shares]
    newest_first = [one.pk for one in of.captures if one.pk in given_by]
    assert given_by == newest_first, "each capture once, the newest first"
    for share in verdict.shares:
        capture = of.capture(share.capture_pk)
        fee = share.fee.amount_minor if share.fee else 0
        assert share.provider == capture.provider
        assert share.amount_minor + fee == sum(one.portion.amount_minor for one in share.lines)
        assert 0 <= share.amount_minor <= capture.left_minor
        assert 0 <= share.cash_minor <= share.amount_minor
        if share.fee is not None:
            assert 0 <= share.fee.tax_minor <= share.fee.amount_minor
        assert share.lines
        assert len({one.line_pk for one in share.lines}) == len(share.lines)
        for one in share.lines:
            _check_portion(of.lines[capture.pk][one.line_id], one)
        for kind, tendered in (
            (LineType.GIFT_CARD, share.gift_card_minor),
            (LineType.STORE_CREDIT, share.store_credit_minor),
        ):
            assert tendered == sum(
                -one.portion.amount_minor
                for one in share.lines
                if of.lines[capture.pk][one.line_id].type is kind and one.portion.amount_minor < 0
            )


def _check_portion(line: CapturedLine, told: LineShare) -> None:
    assert told.line_pk == line.pk
    assert told.portion != Portion(), "what is taken nothing of is not told"
    assert told.basis != line.basis, "a basis is told only if it changes"
    for name in COMPONENTS:
        whole, portion = getattr(line.captured, name), getattr(told.portion, name)
        assert portion * whole >= 0, "nothing is taken back"
        assert abs(portion) <= abs(getattr(line.left, name)), "never more than is left"
    if told.portion.amount_minor and not line.with_taken(told.portion).left.amount_minor:
        assert not line.with_taken(told.portion).left.tax_minor, "the last cent takes all tax"


def check_taxes(share: CaptureShare, of: OrderBook) -> None:
    """Every part's tax is within one minor unit of its rate's, if the captured line's is.

    It holds as long as no refund of the order was released.
    """
    for one in share.lines:
        line = of.lines[share.capture_pk][one.line_id]
        if tax_off(line, line.captured) < 1:
            assert tax_off(line, one.portion) < 1
        assert abs(one.portion.tax_minor) <= abs(one.portion.amount_minor), "tax is contained"


def tax_off(line: CapturedLine, portion: Portion) -> Fraction:
    """How far the tax of a part of a line is from its rate's share, in minor units."""
    rate = line.tax_rate_basis_points
    return abs(portion.tax_minor - Fraction(portion.amount_minor * rate, 10_000 + rate))


def check_book(of: OrderBook, kept: Counter[int], pending: Counter[int]) -> None:
    """Nothing is above what was captured or paid, and captures are the sums of their lines.

    `kept` are the fees that refunds of each capture have kept, `pending` those of them that are
    not lines of the capture yet, since their refunds have not settled.
    """
    for capture in of.captures:
        lines = of.lines[capture.pk].values()
        taken = sum(one.taken.amount_minor for one in lines)
        assert capture.taken_minor == taken - kept[capture.pk]
        left = sum(one.left.amount_minor for one in lines)
        assert capture.left_minor == left + pending[capture.pk]
        assert 0 <= capture.taken_minor <= capture.captured_minor
        assert 0 <= capture.cash_minor <= capture.paid_minor
        assert capture.debt_left_minor >= 0
        for one in lines:
            for name in COMPONENTS:
                whole, part = getattr(one.captured, name), getattr(one.taken, name)
                assert abs(part) <= abs(whole), name
                assert part * whole >= 0, name


def check_debt_first(capture: Capture) -> None:
    """Money goes back only beyond what the customer has not paid; no refund was released."""
    unpaid = capture.captured_minor - capture.paid_minor
    assert capture.cash_minor == max(0, capture.taken_minor - unpaid)


def check_empty(of: OrderBook) -> None:
    """Nothing is left: no money of any capture, no amount, tax or discount of any line."""
    for capture in of.captures:
        assert (capture.left_minor, capture.debt_left_minor) == (0, 0)
        assert capture.cash_minor == capture.paid_minor
        for one in of.lines[capture.pk].values():
            assert [getattr(one.left, name) for name in MONEY] == [0, 0, 0], one


def fees_of(shares: Sequence[CaptureShare]) -> Counter[int]:
    """The return fees that are kept, by capture."""
    return Counter(
        {share.capture_pk: share.fee.amount_minor for share in shares if share.fee is not None}
    )
