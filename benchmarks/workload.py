"""Captured orders, and requests to refund single units of their lines, in a random order."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.servers import Servers, configured
from models.messages.captures import CaptureRecordV1
from models.messages.parsing import parse
from models.values.states import Decision
from worker.database import engine
from worker.migrating import migrate
from worker.steps.capturing import record_captures

MERCHANT = "merchant-1"
LINES_PER_ORDER = 3
UNITS_PER_LINE = 2
UNITS_PER_ORDER = LINES_PER_ORDER * UNITS_PER_LINE
REFUNDS_PER_ORDER = 3
"""On average: half of what was captured comes back."""

RECORDED_AT_ONCE = 200
SEED = 7

Request = dict[str, Any]


def create_template(servers: Servers, refunds: int) -> str:
    """A migrated database with captures for so many refunds, analyzed; gives its name."""
    name = servers.create_database()
    orders = -(-refunds // REFUNDS_PER_ORDER)
    with configured(servers, name):
        migrate(engine())
        captures = [_capture(number) for number in range(orders)]
        for start in range(0, orders, RECORDED_AT_ONCE):
            answers = record_captures(captures[start : start + RECORDED_AT_ONCE])
            assert all(answer.decision is Decision.ACCEPTED for answer in answers), answers
    servers.settle(name)
    return name


def requests(refunds: int) -> Iterator[Request]:
    """So many refund requests, each of one unit; of one order's, few come together."""
    orders = -(-refunds // REFUNDS_PER_ORDER)
    units = list(range(orders * UNITS_PER_ORDER))
    random.Random(SEED).shuffle(units)  # noqa: S311 - reproducible on purpose
    for unit in units[:refunds]:
        order, within = divmod(unit, UNITS_PER_ORDER)
        line, part = divmod(within, UNITS_PER_LINE)
        yield {
            "version": 1,
            "merchant_id": MERCHANT,
            "idempotency_key": f"return-{order}-{line}-{part}",
            "order_id": f"order-{order}",
            "kind": "lines",
            "lines": [{"line_id": f"line-{line}", "quantity": 1}],
            "reason": "return",
            "requested_at": datetime.now(UTC).isoformat(),
        }


def keys_of(bodies: Sequence[Request]) -> list[str]:
    """The idempotency keys of requests."""
    return [body["idempotency_key"] for body in bodies]


def _capture(number: int) -> CaptureRecordV1:
    return parse(
        CaptureRecordV1,
        {
            "version": 1,
            "merchant_id": MERCHANT,
            "order_id": f"order-{number}",
            "capture_id": f"capture-{number}",
            "captured_at": "2026-11-01T10:00:00Z",
            "market": "DE",
            "currency": "EUR",
            "provider": "sandbox",
            "provider_references": {"charge": f"charge-{number}"},
            "lines": [
                {
                    "line_id": f"line-{line}",
                    "reference": f"sku-{line}",
                    "name": "A shirt",
                    "quantity": UNITS_PER_LINE,
                    "unit_price": "19.99",
                    "total_amount_minor": 1999 * UNITS_PER_LINE,
                    "tax_rate": 1900,
                    "total_tax_minor": 638,
                }
                for line in range(LINES_PER_ORDER)
            ],
        },
    )
