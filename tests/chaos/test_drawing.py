"""A seed draws the same faults and requests again, and what is drawn is what it is said to be."""

import random

import pytest

from chaos.asking import draw_requests
from chaos.orders import draw_orders
from chaos.schedule import KILLS, OTHERS, draw_schedule
from models.messages.captures import CaptureRecordV1
from models.messages.parsing import InvalidMessageError, parse
from models.messages.refunds import RefundRequestV1


@pytest.mark.parametrize("kills", [1, 10, 33, 100])
def test_a_schedule_has_its_kills_and_each_other_fault(kills: int) -> None:
    schedule = draw_schedule(7, kills, 60.0)
    assert sum(fault.is_kill for fault in schedule) == kills
    assert {fault.name for fault in schedule} >= set(OTHERS)
    assert {fault.name for fault in schedule} <= {*OTHERS, *KILLS}
    assert all(0 < fault.at_seconds <= 60 for fault in schedule)
    assert [fault.at_seconds for fault in schedule] == sorted(
        fault.at_seconds for fault in schedule
    )


def test_the_same_seed_plays_the_same_faults() -> None:
    assert draw_schedule(7, 20, 60.0) == draw_schedule(7, 20, 60.0)
    assert draw_schedule(7, 20, 60.0) != draw_schedule(8, 20, 60.0)


def test_what_is_drawn_is_what_it_is_said_to_be() -> None:
    chance = random.Random(3)
    orders = list(draw_orders(chance, 200))
    requests = list(draw_requests(chance, orders, 800))
    for order in orders:
        for body in order.captures:
            parse(CaptureRecordV1, body)
    for one in requests:
        if one.nature == "malformed":
            with pytest.raises(InvalidMessageError):
                parse(RefundRequestV1, one.body)
        else:
            parse(RefundRequestV1, one.body)
    assert len(requests) >= 800
    assert {one.nature for one in requests} == {
        "request",
        "again",
        "conflict",
        "malformed",
        "unknown_order",
    }
    assert len({body["currency"] for order in orders for body in order.captures}) == 5
    assert {one.body.get("kind") for one in requests} >= {"full", "lines", "amount"}
    assert any("return_fee_minor" in one.body for one in requests)
    assert any(body["customer_paid_minor"] == 0 for order in orders for body in order.captures)
