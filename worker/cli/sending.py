"""Send the messages of a file through the queue, with a progress bar and receipts."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from models.messages.captures import CaptureRecordV1
from models.messages.names import CAPTURES_RECORD, REFUNDS_REQUEST
from models.messages.parsing import fingerprint
from models.messages.refunds import RefundRequestV1
from worker.cli.output import errors, progress
from worker.errors import RefundWorkerError
from worker.files.messages import Defaults, read_captures, read_requests
from worker.files.rows import RowFault
from worker.queue.publishing import Publisher
from worker.steps.accepting import NOT_CONTENT
from worker.steps.delivering import Delivery, Outgoing
from worker.steps.reporting import count_open
from worker.store import receipts

FAULTS_SHOWN_MAX = 20
FINISH_POLL_SECONDS = 0.2
FINISH_PATIENCE_SECONDS = 300.0


class StuckError(RefundWorkerError):
    """Refunds stay open."""


@dataclass(slots=True)
class Sent:
    """What came of a file."""

    delivered: int = 0
    resent: int = 0
    faults: list[RowFault] = field(default_factory=list)

    def show_faults(self) -> None:
        """Print the rows that were not sent, the first ones in full."""
        for fault in self.faults[:FAULTS_SHOWN_MAX]:
            errors.print(f"not sent: {fault}", style="yellow", markup=False, highlight=False)
        if len(self.faults) > FAULTS_SHOWN_MAX:
            errors.print(f"… and {len(self.faults) - FAULTS_SHOWN_MAX} more rows not sent")


Tick = Callable[[int], None]
Find = Callable[[Connection, str, list[receipts.Sent]], set[int]]
M = TypeVar("M", CaptureRecordV1, RefundRequestV1)


def send_captures(path: Path, defaults: Defaults, tick: Tick = lambda _: None) -> Sent:
    """Deliver a file of captures.

    Raises:
        FileFaultError: the file cannot be used.
        NoReceiptError: no worker took them.
    """
    read = read_captures(path, defaults)
    return _send(CAPTURES_RECORD, receipts.find_captures, read, _sent_capture, tick)


def send_requests(path: Path, defaults: Defaults, tick: Tick = lambda _: None) -> Sent:
    """Deliver a file of refund requests; those of one order in the file's order.

    Raises:
        FileFaultError: the file cannot be used.
        NoReceiptError: no worker took them.
    """
    read = read_requests(path, defaults)
    return _send(REFUNDS_REQUEST, receipts.find_requests, read, _sent_request, tick)


def wait_until_finished(merchant_id: str, tick: Tick = lambda _: None) -> None:
    """Wait until no refund of the merchant goes on by itself any more.

    Raises:
        StuckError: the number of open refunds did not change for long.
    """
    last, changed_at = -1, time.monotonic()
    while open_refunds := count_open(merchant_id):
        now = time.monotonic()
        if open_refunds != last:
            last, changed_at = open_refunds, now
        if now - changed_at > FINISH_PATIENCE_SECONDS:
            raise StuckError(
                f"{open_refunds} refunds stay open; `refunds show ID` tells why for each"
            )
        tick(0)
        time.sleep(FINISH_POLL_SECONDS)


def _sent_capture(message: CaptureRecordV1) -> receipts.Sent:
    return message.merchant_id, message.capture_id, fingerprint(message)


def _sent_request(message: RefundRequestV1) -> receipts.Sent:
    return (
        message.merchant_id,
        message.idempotency_key,
        fingerprint(message, without=NOT_CONTENT),
    )


def _send(
    task: str,
    find: Find,
    read: Iterable[M | RowFault],
    sent_as: Callable[[M], receipts.Sent],
    tick: Tick,
) -> Sent:
    sent = Sent()

    def outgoing() -> Iterator[Outgoing]:
        for message in read:
            if isinstance(message, RowFault):
                sent.faults.append(message)
            else:
                body = message.model_dump(mode="json", exclude_defaults=True)
                lane = message.merchant_id, message.order_id
                yield Outgoing(body, sent_as(message), lane)

    with Publisher(os.environ["REDIS_URL"]) as publisher, progress(task, None) as advance:
        delivery = Delivery(publisher, task, find, _both(advance, tick))
        sent.delivered = delivery.deliver(outgoing())
    sent.resent = delivery.resent
    sent.show_faults()
    return sent


def _both(first: Tick, second: Tick) -> Tick:
    def tick(count: int) -> None:
        first(count)
        second(count)

    return tick
