"""Draw refund requests of all kinds; some twice, contradicting, malformed, of no order."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chaos.behaviours import BEHAVIOURS
from chaos.orders import Body, Order, captured_minor

REQUESTS_PER_ORDER = 4
AGAIN, CONFLICTING, MALFORMED, UNKNOWN = 0.04, 0.01, 0.015, 0.015
LASTING_UNTIL = 0.4
"""What never ends by itself is asked for early: its many attempts take their time."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A message to be submitted: what it is about, and at which part of the run (0 to 1)."""

    nature: str
    order_id: str
    when: float
    body: Body


def draw_requests(
    chance: random.Random, orders: Sequence[Order], count: int
) -> Iterator[Submission]:
    """At least `count` requests, those of an order in its order."""
    drawn = 0
    while drawn < count:
        for number, order in enumerate(orders):
            latest = LASTING_UNTIL if BEHAVIOURS[order.behaviour].lasting else 1.0
            for one in _of_order(chance, order, f"{drawn}-{number}"):
                drawn += 1
                yield Submission(one.nature, one.order_id, one.when * latest, one.body)
            if drawn >= count:
                return


def _of_order(chance: random.Random, order: Order, prefix: str) -> Iterator[Submission]:
    count = chance.randint(1, 2 * REQUESTS_PER_ORDER - 1)
    moments = sorted(chance.random() for _ in range(count))
    for turn, when in enumerate(moments):
        last = turn == count - 1
        body = _request(chance, order, f"key-{prefix}-{turn}", last=last)
        fate = chance.random()
        if fate < MALFORMED:
            yield Submission("malformed", order.order_id, when, _spoilt(chance, body))
            continue
        if fate < MALFORMED + UNKNOWN:
            body["order_id"] = f"no-{order.order_id}"
            yield Submission("unknown_order", body["order_id"], when, body)
            continue
        yield Submission("request", order.order_id, when, body)
        if chance.random() < AGAIN:
            later = chance.uniform(when, 1)
            yield Submission("again", order.order_id, later, body | {"requested_at": _moment(turn)})
        if chance.random() < CONFLICTING:
            other = _request(chance, order, body["idempotency_key"], last=False)
            if other != body:
                yield Submission("conflict", order.order_id, chance.uniform(when, 1), other)


def _request(chance: random.Random, order: Order, key: str, *, last: bool) -> Body:
    body: Body = {
        "version": 1,
        "merchant_id": order.merchant_id,
        "idempotency_key": key,
        "order_id": order.order_id,
    }
    kind = chance.choices(("units", "amounts", "bare", "full"), (42, 20, 28, 30 if last else 2))[0]
    capture = chance.choice(order.captures)
    if kind == "full":
        body["kind"] = "full"
        if chance.random() < 0.3:
            body["capture_id"] = capture["capture_id"]
    elif kind == "bare":
        body["kind"] = "amount"
        body["amount_minor"] = chance.randint(1, max(captured_minor(capture) // 3, 1))
        if chance.random() < 0.3:
            body["capture_id"] = capture["capture_id"]
    else:
        body["kind"] = "lines"
        body["lines"] = _lines(chance, capture, units=kind == "units")
        if chance.random() < 0.2:
            body["with_shares"] = False
    if chance.random() < (0.2 if order.takes_fees else 0.02):
        body["return_fee_minor"] = chance.randint(1, 60)
    if chance.random() < 0.3:
        body["reason"] = chance.choice(("return", "cancelled", "goodwill"))
    return body


def _lines(chance: random.Random, capture: Body, *, units: bool) -> list[Body]:
    lines = [line for line in capture["lines"] if line["total_amount_minor"] > 0]
    chosen = chance.sample(lines, chance.randint(1, min(2, len(lines))))
    asked = []
    for line in chosen:
        one: Body = {"line_id": line["line_id"]}
        if units:
            one["quantity"] = chance.randint(1, max(line["quantity"] // 2, 1))
        else:
            one["amount_minor"] = chance.randint(1, max(line["total_amount_minor"] // 3, 1))
        if chance.random() < 0.3:
            one["capture_id"] = capture["capture_id"]
        asked.append(one)
    return asked


def _spoilt(chance: random.Random, body: Body) -> Body:
    """The body with a fault of its own; merchant and key stay, so that it is found again."""
    return body | chance.choice(
        (
            {"kind": "everything"},
            {"kind": "amount", "amount_minor": 12.5, "lines": []},
            {"kind": "amount", "amount_minor": "100"},
            {"kind": "amount", "amount_minor": -5},
            {"kind": "lines", "lines": []},
            {"kind": "lines", "lines": [{"line_id": "shirt", "quantity": 0}]},
            {"version": 2},
            {"surprise": True},
            {"order_id": None},
            {"currency": "EURO"},
            {"return_fee_minor": float("1e400")},
        )
    )


def _moment(number: int) -> str:
    return f"2026-11-20T12:00:{number % 60:02d}Z"
