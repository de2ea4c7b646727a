"""Whatever is asked in whatever order: never above what was captured, and exact to the cent."""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.values.orders import CaptureShare, OrderBook
from models.values.refusals import Refusal, RefusalCode
from models.values.states import LineType
from tests.rules.checking import check_debt_first, check_empty, check_taxes
from tests.rules.drawing import CALM, accepted, full
from tests.rules.generating import asks, books
from tests.rules.living import LivingOrder
from worker.rules.eligibility import decide


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(books(), st.data())
def test_any_sequence_of_requests_stays_within_what_was_captured_and_ends_at_zero(
    of: OrderBook, data: st.DataObject
) -> None:
    order, amount = LivingOrder(of), 0
    given_back: Counter[LineType] = Counter()
    for _ in range(data.draw(st.integers(0, 8))):
        before = order.book
        verdict = order.request(data.draw(asks(before)))
        if verdict is not None:
            amount += verdict.amount_minor
            for share in verdict.shares:
                check_taxes(share, before)
                given_back[LineType.GIFT_CARD] += share.gift_card_minor
                given_back[LineType.STORE_CREDIT] += share.store_credit_minor
        if data.draw(st.booleans()) and order.live:
            order.settle(data.draw(st.integers(0, 9)))
        order.check()
        for capture in order.book.captures:
            check_debt_first(capture)
        check_rests(order)
    captured = sum(one.captured_minor for one in of.captures)
    for share in finish(order):
        amount += share.amount_minor
        given_back[LineType.GIFT_CARD] += share.gift_card_minor
        given_back[LineType.STORE_CREDIT] += share.store_credit_minor
    assert amount == captured, "in the end exactly zero money is left"
    for kind in (LineType.GIFT_CARD, LineType.STORE_CREDIT):
        assert given_back[kind] == tendered(of, kind), "and the tenders have all they gave"


def tendered(of: OrderBook, kind: LineType) -> int:
    """What of an order was paid by other means than through the provider."""
    return -sum(
        min(one.captured.amount_minor, 0)
        for of_capture in of.lines.values()
        for one in of_capture.values()
        if one.type is kind
    )


def check_rests(order: LivingOrder) -> None:
    """All that is left, of the order and of each capture, goes back when it is asked for."""
    if any(one.fee_minor for one in order.live):
        return
    lefts = [one for one in order.book.captures if one.left_minor > 0]
    for capture in lefts:
        rest = accepted(full(capture_id=capture.capture_id), order.book)
        assert rest.amount_minor == capture.left_minor
    if lefts:
        whole = accepted(full(), order.book)
        assert [share.amount_minor for share in whole.shares] == [one.left_minor for one in lefts]


def finish(order: LivingOrder) -> list[CaptureShare]:
    """Settle everything, refund all that is left, and see that it was all."""
    while order.live:
        order.settle(0)
    verdict = order.request(full())
    order.check()
    check_empty(order.book)
    after = decide(full("after"), order.book, CALM)
    assert isinstance(after, Refusal)
    assert after.code is RefusalCode.NOTHING_LEFT_TO_REFUND
    return list(verdict.shares) if verdict else []


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(books(), st.data())
def test_refunds_released_in_any_order_give_back_what_they_took_and_it_still_ends_at_zero(
    of: OrderBook, data: st.DataObject
) -> None:
    """A provider declines one capture's share of a refund; what it took can be asked for again."""
    order = LivingOrder(of)
    for _ in range(data.draw(st.integers(0, 12))):
        step = data.draw(st.sampled_from(["request", "request", "release", "settle"]))
        if step == "request" or not order.live:
            order.request(data.draw(asks(order.book)))
        elif step == "release":
            order.release(data.draw(st.integers(0, 9)))
        else:
            order.settle(data.draw(st.integers(0, 9)))
        order.check()
        check_rests(order)
    finish(order)
