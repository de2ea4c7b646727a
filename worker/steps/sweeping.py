"""Take up repayments that are due: to be sent, asked after, or abandoned by a crash."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection

from models.values.repayments import Action, Claim
from models.values.states import CaseKind, Topic
from worker.clock import elapsed_seconds
from worker.database import transact
from worker.rules.repaying import next_action, parking_code
from worker.settings import settings
from worker.steps.attempting import attempt, busy_providers
from worker.steps.facts import facts_of
from worker.steps.gating import Turnstile
from worker.store import cases, claims, outbox

SWEEP_SECONDS = 20.0
"""A sweep ends after so long, whatever is due: the next one goes on."""


def sweep() -> int:
    """Attempt what is due, batch after batch; gives how many attempts were made.

    What may have killed its worker is taken up last, and one by one: it takes no other with it,
    and is set aside after as many attempts as any other.

    Raises:
        DatabaseUnavailableError: the next sweep goes on.
    """
    attempted = 0
    deadline_seconds = elapsed_seconds() + SWEEP_SECONDS
    for suspect in (False, True):
        while elapsed_seconds() < deadline_seconds:
            claimed_at_seconds = elapsed_seconds()
            found, claimed = transact(lambda connection: _claim(connection, suspect=suspect))  # noqa: B023 - run at once
            attempt(claimed, claimed_at_seconds)
            attempted += len(claimed)
            if not found:
                break
    return attempted


def _claim(connection: Connection, *, suspect: bool) -> tuple[int, list[Claim]]:
    """Claim some of what is due; gives also how many due ones were looked at."""
    configured = settings()
    margin = timedelta(seconds=2 * configured.lease_seconds)
    at_most = 1 if suspect else configured.batch_size
    due = claims.lock_due(connection, at_most, busy=busy_providers(), suspect=suspect)
    parked: list[tuple[UUID, str]] = []
    wanted: list[tuple[claims.LockedDue, Action]] = []
    for one in due:
        facts = facts_of(one.provider)
        action = next_action(one.due, facts, configured.attempts_max, margin)
        if action is Action.PARK:
            code = parking_code(one.due, facts, configured.attempts_max)
            parked.append((one.due.repayment_id, code))
        else:
            wanted.append((one, action))
    park_locked(connection, parked)
    admitted = _admit(connection, wanted)
    lease = timedelta(seconds=configured.lease_seconds)
    return len(due), claims.claim_locked(connection, admitted, lease)


def _admit(
    connection: Connection, wanted: Sequence[tuple[claims.LockedDue, Action]]
) -> list[claims.ToClaim]:
    """What its providers take now; the rest is put off."""
    turnstile = Turnstile(
        connection,
        ((one.provider, one.merchant_id) for one, action in wanted if action is not Action.NONE),
    )
    admitted, postponed = [], []
    for one, action in wanted:
        key = one.provider, one.merchant_id
        retry_at = None if action is Action.NONE else turnstile.retry_at(key)
        if retry_at is not None:
            postponed.append((one.due.repayment_id, retry_at))
            continue
        facts = facts_of(one.provider)
        admitted.append(
            claims.ToClaim(
                one.due.repayment_id,
                action,
                one.due.state,
                facts.splits_debt_itself,
                facts.amounts_unallocated,
            )
        )
    claims.postpone_locked(connection, postponed)
    return admitted


def park_locked(connection: Connection, parked: Sequence[tuple[UUID, str]]) -> None:
    """Set locked repayments aside, each with a case for a person. The money stays reserved."""
    set_aside = claims.park_locked(connection, parked)
    cases.open_cases(
        connection,
        [
            cases.NewCase(
                CaseKind.PARKED,
                one.merchant_id,
                one.refund_id,
                one.repayment_id,
                one.code,
                "the repayment cannot go on by itself",
            )
            for one in set_aside
        ],
        settings().parked_deadline_hours,
    )
    outbox.insert_events(
        connection,
        [
            outbox.Event(
                Topic.PARKED,
                one.merchant_id,
                one.refund_id,
                {"refund_id": str(one.refund_id), "code": one.code},
            )
            for one in set_aside
        ],
    )
