"""Random doings of all kinds on a few orders, for races and for comparing previews with results."""

import random
from typing import Any

from models.messages.refunds import RefundRequestV1
from tests.building import capture, line, record, request
from tests.steps.instructing import instruct
from tests.steps.test_handling import rows
from worker.steps.handling import handle_requests
from worker.steps.sweeping import sweep

ORDERS = ("o-1", "o-2", "o-3")


def record_orders() -> None:
    """Three orders of two captures each: paid, partly paid and not paid; with all line types."""
    for number, order_id in enumerate(ORDERS):
        for part in ("a", "b"):
            record(
                capture(
                    order_id,
                    capture_id=f"{order_id}-{part}",
                    customer_paid_minor=[10_950, 5_000, 0][number],
                    lines=[
                        line(
                            "shirt",
                            quantity=4,
                            total_amount_minor=9_999,
                            total_tax_minor=1_596,
                            tax_rate=1900,
                            total_discount_minor=101,
                        ),
                        line(
                            "mug",
                            quantity=3,
                            total_amount_minor=1_000,
                            total_tax_minor=65,
                            tax_rate=700,
                            total_discount_minor=0,
                        ),
                        line(
                            "ship",
                            quantity=1,
                            type="shipping_fee",
                            total_amount_minor=501,
                            total_tax_minor=80,
                            tax_rate=1900,
                            total_discount_minor=0,
                        ),
                        line(
                            "tax",
                            quantity=1,
                            type="sales_tax",
                            total_amount_minor=250,
                            total_tax_minor=0,
                            total_discount_minor=0,
                        ),
                        line(
                            "off",
                            quantity=1,
                            type="discount",
                            total_amount_minor=-300,
                            total_tax_minor=-48,
                            tax_rate=1900,
                            total_discount_minor=0,
                        ),
                        line(
                            "card",
                            quantity=1,
                            type="gift_card",
                            total_amount_minor=-500,
                            total_tax_minor=0,
                            total_discount_minor=0,
                        ),
                    ],
                )
            )


def draw_request(chance: random.Random, key: str) -> RefundRequestV1:
    """A request of any kind, mostly one that can be met."""
    order_id = chance.choice(ORDERS)
    # A time of its own, so that what is due when does not depend on the clock.
    options: dict[str, Any] = {"requested_by": "ann", "requested_at": "2026-11-20T12:00:00Z"}
    if chance.random() < 0.2:
        options["return_fee_minor"] = chance.randint(1, 400)
    if chance.random() < 0.15:
        options["awaits_goods"] = True
    kind = chance.choice(
        ["lines", "lines", "amount", "full"] if key[-1] == "9" else ["lines", "amount"]
    )
    if kind == "full":
        return request(key, order_id, kind="full", lines=[], **options)
    if kind == "amount":
        if chance.random() < 0.4:
            options["capture_id"] = f"{order_id}-{chance.choice('ab')}"
        amount = chance.choice([1, 7, 100, 999, 2_500])
        return request(key, order_id, kind="amount", lines=[], amount_minor=amount, **options)
    lines = []
    for line_id in chance.sample(["shirt", "mug", "ship", "tax", "off"], chance.randint(1, 2)):
        measure = (
            {"quantity": 1} if chance.random() < 0.6 else {"amount_minor": chance.randint(1, 300)}
        )
        lines.append({"line_id": line_id, **measure})
    options["with_shares"] = chance.random() < 0.8
    return request(key, order_id, lines=lines, **options)


def do_something(chance: random.Random, key: str) -> str:
    """One random doing; gives its answer in a line."""
    doing = chance.choices(
        ["request", "approve", "goods_received", "deny", "cancel", "pay", "open", "close", "sweep"],
        [50, 8, 8, 3, 6, 8, 5, 6, 10],
    )[0]
    if doing == "request":
        return str(handle_requests([draw_request(chance, key)])[0])
    if doing == "sweep":
        return f"swept {sweep()}"
    if doing == "pay":
        capture_id = f"{chance.choice(ORDERS)}-{chance.choice('ab')}"
        said = {"capture_id": capture_id, "amount_minor": chance.choice([10, 700, 3_000])}
        return str(instruct("captures.payment", idempotency_key=key, **said))
    if doing == "open":
        order_id = chance.choice(ORDERS)
        said = {"dispute_id": f"d-{key}", "order_id": order_id, "amount_minor": 1_500}
        if chance.random() < 0.7:
            said["capture_id"] = f"{order_id}-{chance.choice('ab')}"
        return str(instruct("disputes.opened", idempotency_key=key, **said))
    if doing == "close":
        open_disputes = rows("SELECT dispute_id FROM disputes WHERE state = 'open'")
        if not open_disputes:
            return "nothing to close"
        outcome = chance.choice(["won", "lost"])
        said = {"dispute_id": chance.choice(open_disputes)[0], "outcome": outcome}
        return str(instruct("disputes.closed", idempotency_key=key, **said))
    refunds = rows("SELECT id FROM refunds WHERE state = 'held'") or rows("SELECT id FROM refunds")
    if not refunds:
        return "nothing to release"
    refund_id = str(chance.choice(refunds)[0])
    said = {"refund_id": refund_id, "by": chance.choice(["ann", "bea"])}
    return str(instruct(f"refunds.{doing}", idempotency_key=key, **said))


def settle_everything() -> None:
    """Close what is open, release what is held, and sweep until nothing is due."""
    for (dispute_id,) in rows("SELECT dispute_id FROM disputes WHERE state = 'open'"):
        instruct("disputes.closed", dispute_id=dispute_id, outcome="won")
    for refund_id, kind in rows(
        "SELECT refund_id, kind FROM holds WHERE released_at IS NULL AND kind <> 'dispute'"
    ):
        task = {"approval": "refunds.approve", "goods": "refunds.goods_received"}[kind]
        instruct(task, refund_id=str(refund_id), by="bea")
    sweep()
