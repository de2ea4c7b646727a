"""Publish messages as any Celery producer would: by task name, JSON, one argument."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from celery import Celery
from kombu.entity import Exchange, Queue
from kombu.exceptions import BatchPublishError, OperationalError

from models.messages import names
from worker.errors import RefundWorkerError
from worker.queue.envelopes import ids_in

BATCH_SIZE = 500


class BrokerUnavailableError(RefundWorkerError):
    """Redis cannot be reached. What was being sent may or may not be queued: send it again."""


class Publisher:
    """A held connection to the broker. Not for use by several threads."""

    def __init__(self, redis_url: str) -> None:
        self._app = Celery("refund-publisher", set_as_current=False)
        self._app.conf.update(
            broker_url=redis_url,
            result_backend=None,
            task_ignore_result=True,
            task_serializer="json",
            task_queues=[
                Queue(name, Exchange(name), routing_key=name)  # type: ignore[no-untyped-call]  # kombu's
                for name in names.QUEUES
            ],
            task_create_missing_queues=False,
            broker_connection_max_retries=3,
            broker_transport_options={
                "socket_timeout": 10,
                "socket_connect_timeout": 5,
                "priority_steps": [0],
                "client_name": "refund-publisher",
            },
        )
        self._connection = self._app.connection_for_write()
        self._producer = self._app.amqp.Producer(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.release()

    def send(self, task: str, bodies: Iterable[Mapping[str, Any]]) -> int:
        """Queue messages in their order; gives how many. Redis has them when this returns.

        Raises:
            BrokerUnavailableError: some may be queued. Sending all again is safe.
        """
        count = 0
        try:
            with self._producer.batch(BATCH_SIZE):
                for body in bodies:
                    self._app.send_task(
                        task,
                        (body,),
                        producer=self._producer,
                        queue=names.QUEUE_OF[task],
                        # The default would put the whole message into a header.
                        argsrepr=ids_in(body),
                        kwargsrepr="",
                        retry=True,
                        retry_policy={"max_retries": 3, "interval_start": 0.1},
                    )
                    count += 1
        except (OperationalError, BatchPublishError, OSError) as error:
            raise BrokerUnavailableError(f"the broker cannot be reached: {error}") from error
        return count

    def ring(self, task: str) -> None:
        """Ring a doorbell: a message without content."""
        try:
            self._app.send_task(
                task, producer=self._producer, queue=names.QUEUE_OF[task], retry=True
            )
        except (OperationalError, OSError) as error:
            raise BrokerUnavailableError(f"the broker cannot be reached: {error}") from error
