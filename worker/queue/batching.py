"""Tasks whose messages are handled in batches, so that they share round trips and the commit.

The idea is that of celery-batches (which does not support Celery 5.7): the task's consumer
strategy collects messages in the worker's main process and hands a list of them to the pool.
Added to it:

- Lanes. Messages of one lane (an order) are never in two batches at once, so one consumer
  decides them in the order in which they were queued.
- Batches grow under load: no more are under way than the pool has processes.
- Late acknowledgement of a whole batch in one round trip.
- A batch whose process died is tried again message by message; a message that keeps killing its
  process is parked, the others go on.
- Whatever cannot be parsed reaches the task as a fault, to be parked; nothing is dropped, and
  `expires`, `eta` and `revoke` have no say over money.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from celery import Task, current_app

from worker.queue.acknowledging import acknowledge
from worker.queue.envelopes import Envelope, as_poison, open_message, shown_ids

log = structlog.get_logger()

LOST_MAX = 3
"""So often may a message's process die with it alone before it is parked."""

RETRY_FLOOR_SECONDS = 1.0
RETRY_CEILING_SECONDS = 30.0
SUMMARY_MAX_LENGTH = 200


@dataclass(slots=True)
class Waiting:
    """A message in the main process, not yet acknowledged."""

    message: Any
    envelope: Envelope
    lane: Hashable
    since_seconds: float
    alone: bool = False
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """What the pool gives back: a line a message, or why the batch must be tried again."""

    summaries: Sequence[str] = ()
    failure: str | None = None
    runtime_seconds: float = 0.0


class BatchTask(Task):  # type: ignore[misc]  # Celery ships no types
    """A task that gets a list of envelopes. Subclasses define `run`, and `lane` where needed."""

    abstract = True
    typing = False
    acks_late = True

    batch_size = 50
    batch_wait_seconds = 0.1
    batch_quiet_seconds = 0.005

    def lane(self, body: Any) -> Hashable:  # noqa: ARG002 - for subclasses
        """Messages of the same lane are handled one after the other; None for no lane."""
        return None

    def run(self, envelopes: list[Envelope]) -> Sequence[str]:
        """Handle a batch; gives a short line a message, which Flower shows as its result."""
        raise NotImplementedError

    def Strategy(self, task: Any, app: Any, consumer: Any) -> Callable[..., None]:  # noqa: N802, ARG002 - Celery's name and signature
        """Celery's hook: what the consumer does with each message of this task."""
        return Batcher(self, consumer).receive


@dataclass(slots=True)
class Batcher:
    """Collects the messages of one task in one consumer. Runs in the main process only."""

    task: BatchTask
    consumer: Any
    waiting: deque[Waiting] = field(default_factory=deque)
    busy: Counter[Hashable] = field(default_factory=Counter)
    under_way: int = 0
    timer: Any = None
    failures: int = 0
    received: int = 0
    seen: int = 0
    quiet: bool = False
    flushing: bool = False

    def receive(
        self,
        message: Any,
        body: Any,
        ack: Any,  # noqa: ARG002 - Celery's signature
        reject: Any,  # noqa: ARG002 - as above
        callbacks: Any,  # noqa: ARG002 - as above
        **_: Any,
    ) -> None:
        """Take a message in. The signature is Celery's; only the message and body matter."""
        envelope = open_message(message, body)
        self.waiting.append(Waiting(message, envelope, self._lane(envelope), time.monotonic()))
        self._tell(
            "task-received", envelope, name=self.task.name, args=shown_ids(envelope), kwargs=""
        )
        self.received += 1
        if not self.failures:
            self.flush()

    def flush(self) -> None:
        """Hand ripe batches to the pool while it has room, and look again soon."""
        if self.flushing:
            return  # the solo pool calls back before apply_async returns
        self.flushing = True
        try:
            while self._ripe() and self.under_way < self._room() and (batch := self._next_batch()):
                self._stop_timer()
                self._hand_over(batch)
            # With no room, the next batch that returns looks again.
            if self.waiting and self.timer is None and self.under_way < self._room():
                self.seen = self.received
                self._flush_after(self.task.batch_quiet_seconds)
        finally:
            self.flushing = False

    def _ripe(self) -> bool:
        """A batch is full, or its first message has waited for long, or no more are coming."""
        if not self.waiting:
            return False
        if self.quiet or len(self.waiting) >= self.task.batch_size:
            return True
        return time.monotonic() - self.waiting[0].since_seconds >= self.task.batch_wait_seconds

    def _room(self) -> int:
        return int(getattr(self.consumer.pool, "num_processes", None) or 1)

    def _lane(self, envelope: Envelope) -> Hashable:
        if envelope.fault is not None:
            return None
        try:
            lane = self.task.lane(envelope.body)
            hash(lane)
        except Exception:  # noqa: BLE001 - the body is not validated yet
            return None
        return lane

    def _next_batch(self) -> list[Waiting]:
        batch: list[Waiting] = []
        kept: deque[Waiting] = deque()
        held: set[Hashable] = set()
        while self.waiting and len(batch) < self.task.batch_size:
            one = self.waiting.popleft()
            lane = one.lane
            blocked = lane is not None and (self.busy[lane] > 0 or lane in held)
            if blocked or (one.alone and batch):
                kept.append(one)
                if lane is not None:
                    held.add(lane)
                if one.alone:
                    break
                continue
            batch.append(one)
            if one.alone:
                break
        self.waiting.extendleft(reversed(kept))
        return batch

    def _hand_over(self, batch: list[Waiting]) -> None:
        self.busy.update(one.lane for one in batch if one.lane is not None)
        self.under_way += 1
        conf = self.consumer.app.conf
        self.consumer.pool.apply_async(
            run_batch,
            (self.task.name, [one.envelope for one in batch]),
            accept_callback=lambda *_: self._accepted(batch),
            callback=lambda done: self._returned(batch, done),
            error_callback=lambda _: self._lost(batch),
            soft_timeout=self.task.soft_time_limit or conf.task_soft_time_limit,
            timeout=self.task.time_limit or conf.task_time_limit,
            correlation_id=batch[0].envelope.task_id,
        )

    def _accepted(self, batch: list[Waiting]) -> None:
        for one in batch:
            self._tell("task-started", one.envelope)

    def _returned(self, batch: list[Waiting], done: Any) -> None:
        if not isinstance(done, Done):
            self._lost(batch)  # the solo pool gives an ExceptionInfo when its process is told to go
            return
        self._release(batch)
        if done.failure is not None:
            self._try_again(batch, done.failure)
            return
        self.failures = 0
        acknowledge(one.message for one in batch)
        for one, summary in zip(batch, done.summaries, strict=True):
            self._tell(
                "task-succeeded",
                one.envelope,
                result=summary[:SUMMARY_MAX_LENGTH],
                runtime=done.runtime_seconds,
            )
        self.flush()

    def _try_again(self, batch: list[Waiting], failure: str) -> None:
        """Keep the messages, unacknowledged, and hand them over again after a while."""
        self.failures += 1
        wait = min(RETRY_FLOOR_SECONDS * 2 ** (self.failures - 1), RETRY_CEILING_SECONDS)
        log.warning(
            "queue.batch_failed",
            task=self.task.name,
            messages=len(batch),
            failure=failure,
            retry_seconds=wait,
        )
        self.waiting.extendleft(reversed(batch))
        self._stop_timer()
        self._flush_after(wait)

    def _lost(self, batch: list[Waiting]) -> None:
        """The batch's process died: find out which message kills it, if any."""
        self._release(batch)
        for one in batch:
            one.alone = True
            if len(batch) == 1:
                one.lost += 1
                if one.lost >= LOST_MAX:
                    one.envelope = as_poison(one.envelope)
        log.error("queue.process_lost", task=self.task.name, messages=len(batch))
        self.waiting.extendleft(reversed(batch))
        self.flush()

    def _release(self, batch: list[Waiting]) -> None:
        self.under_way -= 1
        self.busy.subtract(one.lane for one in batch if one.lane is not None)
        self.busy += Counter()  # forget lanes that are free, or the counter grows for ever

    def _flush_after(self, seconds: float) -> None:
        self.timer = self.consumer.timer.call_after(seconds, self._timed_flush)

    def _timed_flush(self) -> None:
        self.timer = None
        self.quiet = self.seen == self.received
        self.flush()
        self.quiet = False

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _tell(self, event: str, envelope: Envelope, **fields: Any) -> None:
        eventer = self.consumer.event_dispatcher
        if eventer and eventer.enabled:
            eventer.send(event, uuid=envelope.task_id, **fields)


def run_batch(task_name: str, envelopes: list[Envelope]) -> Done:
    """Run a batch in the pool. Whatever is raised becomes a failure: the messages are kept."""
    started = time.monotonic()
    try:
        summaries = current_app.tasks[task_name].run(envelopes)
    except Exception as error:  # noqa: BLE001 - an exception must not decide over messages
        return Done(failure=f"{type(error).__name__}: {error}"[:500])
    return Done(summaries=list(summaries), runtime_seconds=time.monotonic() - started)
