"""Take up repayments that are due: to be sent, asked after, or abandoned by a crash."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection

from models.values.repayments import Action, Claim
from models.values.states import Topic
from worker.database import transact
from worker.providers.calling import call_all
from worker.rules.repaying import ATTEMPTS_EXHAUSTED, KEY_EXPIRED, next_action
from worker.settings import settings
from worker.steps.facts import facts_of
from worker.steps.recording import record_outcomes
from worker.store import claims, outbox

ROUNDS_MAX = 20


def sweep() -> int:
    """Attempt what is due, batch after batch; gives how many attempts were made.

    Bounded by rounds, so that a sweep never outlives its task's time limit for long; the next
    sweep goes on.

    Raises:
        DatabaseUnavailableError: the next sweep goes on.
    """
    attempted = 0
    for _ in range(ROUNDS_MAX):
        claimed = transact(_claim)
        if not claimed:
            break
        record_outcomes(claimed, call_all(claimed))
        attempted += len(claimed)
    return attempted


def _claim(connection: Connection) -> list[Claim]:
    configured = settings()
    margin = timedelta(seconds=2 * configured.lease_seconds)
    claimed: list[claims.ToClaim] = []
    parked: list[tuple[UUID, str]] = []
    for due, provider in claims.lock_due(connection, configured.batch_size):
        facts = facts_of(provider)
        action = next_action(due, facts, configured.attempts_max, margin)
        if action is Action.PARK:
            exhausted = due.attempts >= configured.attempts_max
            parked.append((due.repayment_id, ATTEMPTS_EXHAUSTED if exhausted else KEY_EXPIRED))
        else:
            claimed.append(
                claims.ToClaim(
                    due.repayment_id,
                    action,
                    due.state,
                    facts.splits_debt_itself,
                    facts.amounts_unallocated,
                )
            )
    _park(connection, parked)
    return claims.claim_locked(connection, claimed, timedelta(seconds=configured.lease_seconds))


def _park(connection: Connection, parked: Sequence[tuple[UUID, str]]) -> None:
    outbox.insert_events(
        connection,
        [
            outbox.Event(
                Topic.PARKED,
                refund.merchant_id,
                refund.refund_id,
                {"refund_id": str(refund.refund_id), "code": refund.code},
            )
            for refund in claims.park_locked(connection, parked)
        ],
    )
