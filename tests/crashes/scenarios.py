"""What is done while processes die: each scenario is a set-up and messages in a queue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from models.messages import names
from models.messages.refunds import RefundRequestV1
from tests.building import capture, full, line, record, request
from tests.steps.test_handling import rows
from worker.queue.envelopes import Envelope
from worker.steps.handling import handle_requests
from worker.steps.instructions import KINDS, follow, message_of
from worker.steps.unpacking import handle_envelopes

Message = tuple[str, dict[str, Any]]
"""Task and body."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`queue` gives the messages after `prepare` was done undisturbed."""

    name: str
    prepare: Callable[[], None]
    queue: Callable[[], Sequence[Message]]


def _requests(*messages: RefundRequestV1) -> list[Message]:
    return [
        (names.REFUNDS_REQUEST, one.model_dump(mode="json", exclude_defaults=True))
        for one in messages
    ]


def _said(task: str, **fields: Any) -> Message:
    return task, {"merchant_id": "m", "idempotency_key": f"{task}-1", **fields}


def _only_refund() -> str:
    return str(rows("SELECT id FROM refunds")[0][0])


def _two_captures() -> None:
    record(
        capture(lines=[line(tax_rate=1900), line("l-2", quantity=1, total_amount_minor=50)]),
        capture(capture_id="second", customer_paid_minor=0),
    )


def _held() -> None:
    record(capture(customer_paid_minor=40))
    handle_requests([full(awaits_goods=True, requested_by="ann")])


def _debt_reduced() -> None:
    record(capture(customer_paid_minor=0))
    handle_requests([request("a", kind="amount", lines=[], amount_minor=30)])


def _disputed() -> None:
    record()
    (opened,) = [_said(names.DISPUTES_OPENED, dispute_id="d", order_id="o-1", amount_minor=60)]
    handle(*opened)
    handle_requests([request("a")])


def handle(task: str, body: dict[str, Any]) -> str:
    """Handle a message as its task would; gives its line."""
    if task == names.REFUNDS_REQUEST:
        return handle_envelopes(task, RefundRequestV1, handle_requests, [Envelope("t", body)])[0]
    assert task in KINDS
    step: Any = lambda messages: follow(task, messages)  # noqa: E731 - as the task's own partial
    return handle_envelopes(task, message_of(task), step, [Envelope("t", body)])[0]


SCENARIOS = [
    Scenario(
        "requests",
        _two_captures,
        lambda: _requests(
            full("fee", return_fee_minor=20, capture_id="o-1-c"),
            request("refused", "none"),
            # Of the other capture: whether it finds the fee's line would depend on the moment.
            full("rest", capture_id="second"),
        ),
    ),
    Scenario(
        "goods come back",
        _held,
        lambda: [_said(names.REFUNDS_GOODS_RECEIVED, refund_id=_only_refund(), by="bea")],
    ),
    Scenario(
        "a held refund is cancelled",
        _held,
        lambda: [
            _said(names.REFUNDS_CANCEL, refund_id=_only_refund(), by="bea"),
            *_requests(full("again")),
        ],
    ),
    Scenario(
        "a debt is paid that was reduced",
        _debt_reduced,
        lambda: [_said(names.CAPTURES_PAYMENT, capture_id="o-1-c", amount_minor=100)],
    ),
    Scenario(
        "a dispute is lost",
        _disputed,
        lambda: [
            _said(names.DISPUTES_CLOSED, dispute_id="d", outcome="lost"),
            *_requests(full("rest")),
        ],
    ),
]
