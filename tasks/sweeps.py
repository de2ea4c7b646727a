"""What beat rings for: due repayments and unpublished events. Losing one ring loses nothing."""

from models.messages.names import OUTBOX_RELAY, REPAYMENTS_SWEEP
from worker.app import app
from worker.steps.relaying import relay
from worker.steps.sweeping import sweep


@app.task(name=REPAYMENTS_SWEEP)  # type: ignore[untyped-decorator]  # Celery ships no types
def sweep_repayments() -> str:
    """Attempt the repayments that are due."""
    return f"{sweep()} attempts"


@app.task(name=OUTBOX_RELAY)  # type: ignore[untyped-decorator]  # Celery ships no types
def relay_outbox() -> str:
    """Publish the outbox."""
    return f"{relay()} events"
