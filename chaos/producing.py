"""Producers: each keeps what it sends until it has a receipt, whatever happens meanwhile."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from chaos.asking import Submission
from chaos.orders import Body
from chaos.submissions import CAPTURE, SubmissionList
from models.messages.captures import CaptureRecordV1
from models.messages.names import CAPTURES_RECORD, REFUNDS_REQUEST
from models.messages.parsing import fingerprint, parse
from models.messages.refunds import RefundRequestV1
from worker.arrays import execute
from worker.queue.publishing import Publisher
from worker.steps.accepting import NOT_CONTENT
from worker.steps.delivering import Delivery, NoReceiptError, Outgoing
from worker.store import receipts

CHUNKS = 24
"""So many portions a producer sends; within one, all is under way at once."""

TWICE = 0.03
"""This part of all messages is published twice at once, as after a lost reply."""

PAUSE_SECONDS = 0.5
MALFORMED_PRINT = b""

_PARKED = text("""
    SELECT k.position
    FROM unnest(CAST(:positions AS int[]), CAST(:merchants AS text[]), CAST(:keys AS text[]))
      AS k(position, merchant_id, key)
    JOIN parked_messages p ON p.task = :task AND p.merchant_id = k.merchant_id
      AND p.idempotency_key = k.key
""")


class TwicePublisher(Publisher):
    """A publisher some of whose messages arrive twice."""

    def __init__(self, redis_url: str, chance: random.Random) -> None:
        super().__init__(redis_url)
        self._chance = chance

    def send(self, task: str, bodies: Iterable[Mapping[str, Any]]) -> int:
        """Queue messages, some of them twice."""

        def doubled() -> Iterator[Mapping[str, Any]]:
            for body in bodies:
                yield body
                if self._chance.random() < TWICE:
                    yield body

        return super().send(task, doubled())


@dataclass(slots=True)
class Workload:
    """What one producer is to deliver: captures first, then requests by their moment."""

    captures: Sequence[Body]
    requests: Sequence[Submission]


@dataclass(slots=True)
class Producer:
    """Delivers a workload in a thread of its own, spread over `seconds`."""

    name: str
    workload: Workload
    submitted: SubmissionList
    redis_url: str
    seconds: float
    seed: str
    offset_seconds: float = 0
    resent: int = 0
    interruptions: Counter[str] = field(default_factory=Counter)
    failure: BaseException | None = None
    _publisher: TwicePublisher | None = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start delivering."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether something is still to be delivered."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._produce()
        except BaseException as error:
            self.failure = error
            raise

    def _produce(self) -> None:
        started = time.monotonic() + self.offset_seconds
        captures = [(CAPTURE, body) for body in self.workload.captures]
        requests = [
            (one.nature, one.body) for one in sorted(self.workload.requests, key=lambda s: s.when)
        ]
        # Captures take a tenth of the time; requests of what is not captured would be refused.
        for entries, begin, end, task, find, made in (
            (captures, 0.0, 0.1, CAPTURES_RECORD, receipts.find_captures, _outgoing_capture),
            (requests, 0.1, 1.0, REFUNDS_REQUEST, find_requests, _outgoing_request),
        ):
            for number, chunk in enumerate(_chunks(entries)):
                due = started + self.seconds * (begin + (end - begin) * number / CHUNKS)
                time.sleep(max(due - time.monotonic(), 0))
                self.submitted.add(chunk)
                self._deliver(task, find, [made(*entry) for entry in chunk])

    def _deliver(self, task: str, find: Any, messages: list[Outgoing]) -> None:
        """Deliver messages; after whatever interrupts it, go on with what has no receipt."""
        delivery = Delivery(self._published(), task, find)
        source = iter(messages)
        while True:
            try:
                delivery.deliver(source)
                break
            except NoReceiptError:
                raise
            except Exception as error:  # noqa: BLE001 - producers outlive what the monkey breaks
                self.interruptions[type(error).__name__] += 1
                time.sleep(PAUSE_SECONDS)
                delivery.publisher = self._published(anew=True)
        self.resent += delivery.resent

    def _published(self, *, anew: bool = False) -> TwicePublisher:
        if self._publisher is None or anew:
            self._publisher = TwicePublisher(self.redis_url, random.Random(self.seed))
        return self._publisher


def find_requests(connection: Connection, task: str, sent: list[receipts.Sent]) -> set[int]:
    """The positions of requests that are decided, and of malformed ones that are parked."""
    found = receipts.find_requests(connection, task, sent)
    spoilt = [position for position, one in enumerate(sent) if one[2] == MALFORMED_PRINT]
    if spoilt:
        bound = {
            "task": task,
            "positions": spoilt,
            "merchants": [sent[position][0] for position in spoilt],
            "keys": [sent[position][1] for position in spoilt],
        }
        found |= {row[0] for row in execute(connection, _PARKED, bound)}
    return found


def share_out(
    captures: Iterable[tuple[str, Sequence[Body]]],
    requests: Iterable[Submission],
    producers: int,
) -> list[Workload]:
    """Divide the work by orders: messages of one order have one producer."""
    of: Callable[[str], int] = lambda order_id: sum(map(ord, order_id)) % producers  # noqa: E731 - one line says it
    bodies: list[list[Body]] = [[] for _ in range(producers)]
    asked: list[list[Submission]] = [[] for _ in range(producers)]
    for order_id, of_order in captures:
        bodies[of(order_id)].extend(of_order)
    for one in requests:
        asked[of(one.order_id)].append(one)
    return [Workload(*each) for each in zip(bodies, asked, strict=True)]


def _chunks(entries: list[tuple[str, Body]]) -> Iterator[list[tuple[str, Body]]]:
    size = max(-(-len(entries) // CHUNKS), 1)
    for start in range(0, len(entries), size):
        yield entries[start : start + size]


def _outgoing_capture(_: str, body: Body) -> Outgoing:
    message = parse(CaptureRecordV1, body)
    sent = message.merchant_id, message.capture_id, fingerprint(message)
    return Outgoing(body, sent, (message.merchant_id, message.order_id))


def _outgoing_request(nature: str, body: Body) -> Outgoing:
    merchant_id, key = body["merchant_id"], body["idempotency_key"]
    print_ = MALFORMED_PRINT
    if nature != "malformed":
        print_ = fingerprint(parse(RefundRequestV1, body), without=NOT_CONTENT)
    return Outgoing(body, (merchant_id, key, print_), (merchant_id, body["order_id"]))
