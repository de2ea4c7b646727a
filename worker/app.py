"""The Celery application. Its settings are in celeryconfig.py, its tasks in the package tasks."""

from celery import Celery
from celery.signals import (
    setup_logging,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutdown,
)

from worker.database import dispose_engines, engine, explain
from worker.log import configure_logging
from worker.migrating import require_migrated
from worker.policy.reading import read_policy
from worker.queue.checking import check_broker
from worker.settings import settings
from worker.steps.attempting import drain

app = Celery("refund-worker", config_source="celeryconfig")


@setup_logging.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _log(**_: object) -> None:
    configure_logging()


@worker_init.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _check(**_: object) -> None:
    try:
        require_migrated(engine())
        read_policy(settings().policy_file)
        url = settings().redis_url
        if url is not None:
            check_broker(url.get_secret_value())
    except Exception as error:
        # Celery logs what a signal handler raises and goes on; only SystemExit stops the worker.
        raise SystemExit(f"the worker does not start: {explain(error) or error}") from error
    # No connection may be open when the pool forks.
    dispose_engines()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]  # Celery ships no types
@worker_shutdown.connect  # type: ignore[untyped-decorator]  # as above
def _finish_calls(**_: object) -> None:
    # Calls that outlast their batch are not cut in two: they end within half a lease and a call.
    drain(settings().lease_seconds)


@worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _forget_parents_connections(**_: object) -> None:
    dispose_engines()
