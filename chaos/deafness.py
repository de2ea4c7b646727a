"""Does each worker take messages of each queue? One that only looks alive hides in a fleet."""

import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any

from chaos.fleet import Fleet, Member
from chaos.servers import Valkey
from models.messages.names import CAPTURES_RECORD, REFUNDS_REQUEST, REPAYMENTS_SWEEP
from worker.queue.publishing import Publisher

PATIENCE_SECONDS = 40.0
LOOK_SECONDS = 0.2


def find_deaf(
    fleet: Fleet,
    valkey: Valkey,
    redis_url: str,
    capture: Mapping[str, Any],
    refund: Mapping[str, Any],
) -> list[str]:
    """The workers that leave messages lying while all others are stopped.

    Sends what was sent before: it is answered again, and changes nothing. Only for a transport
    whose stopped consumers take nothing.
    """
    deaf: list[str] = []
    for worker in fleet.workers:
        others = [one for one in fleet.workers if one is not worker]
        for other in others:
            other.send_all(signal.SIGSTOP)
        try:
            with Publisher(redis_url) as publisher:
                publisher.send(CAPTURES_RECORD, [capture])
                publisher.send(REFUNDS_REQUEST, [refund])
                publisher.ring(REPAYMENTS_SWEEP)
            deaf.extend(_left_lying(worker, valkey))
        finally:
            for other in others:
                other.send_all(signal.SIGCONT)
    return deaf


def _left_lying(worker: Member, valkey: Valkey) -> Iterator[str]:
    """Beats ring on: so each queue is seen empty once, if the worker takes what is in it."""
    left = valkey.queues()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        left = {name: count for name, count in valkey.queues().items() if name in left and count}
    for name in left:
        yield f"{worker.name} takes nothing from {name}"
