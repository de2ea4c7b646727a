"""What persons decide on parked work: try it again, or say what became of it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from models.values.repayments import News, OutcomeKind
from models.values.states import CaseKind, NewsKind, RepaymentState
from worker.database import transact
from worker.errors import RefundWorkerError
from worker.policy.reading import policy_of
from worker.rules.selecting import Condition
from worker.steps.hearing import record_verdict
from worker.store import cases, orders, parked
from worker.store import news as store

RETRIED = "retried"
PROPOSED = "proposed"
PAID, NOT_PAID = "resolved_paid", "resolved_not_paid"


class NothingParkedError(RefundWorkerError):
    """Nothing of this id is parked."""


class NotFinalError(RefundWorkerError):
    """Another person must confirm before it counts."""


def try_again(name: str, by: str, note: str | None = None) -> list[UUID]:
    """Let the parked repayments of this id (or refund) be tried again; gives them.

    Safe by construction: one that may have been executed is sent again only under a key that is
    surely alive, and otherwise asked after.

    Raises:
        NothingParkedError: there are none.
    """

    def work(connection: Connection) -> list[UUID]:
        return _retry_all(connection, parked.parked_repayments_of(connection, name), by, note)

    return _some(transact(work), name)


def retry_where(
    condition: Condition, at_most: int, by: str, *, dry_run: bool = False
) -> list[UUID]:
    """Let parked repayments that fit be tried again; gives them, the longest parked first."""

    def work(connection: Connection) -> list[UUID]:
        if condition.task is not None:
            return []
        found = parked.parked_repayments_where(
            connection,
            at_most,
            code=condition.code,
            provider=condition.provider,
            merchant=condition.merchant,
            older_than=condition.older_than,
        )
        return found if dry_run else _retry_all(connection, found, by, None)

    return transact(work)


def resolve(name: str, *, paid: bool, evidence: str, by: str) -> list[UUID]:
    """Record what a person found out about parked repayments; gives them.

    Above the policy's threshold for approvals two persons must say the same.

    Raises:
        NothingParkedError: nothing of this id is parked.
        NotFinalError: it is noted, and another person must confirm it.
    """
    waits: list[str] = []

    def work(connection: Connection) -> list[UUID]:
        waits.clear()
        found = parked.parked_repayments_of(connection, name)
        orders.lock_orders_of_repayments(connection, found)
        for repayment_id in found:
            if not _resolve(connection, repayment_id, paid=paid, evidence=evidence, by=by):
                waits.append(str(repayment_id))
        return found

    found = _some(transact(work), name)
    if waits:
        raise NotFinalError(
            f"noted; above the threshold another person than {by!r} must say the same"
        )
    return found


def open_work(merchant_id: str | None, at_most: int) -> tuple[list[dict[str, Any]], ...]:
    """Open cases and parked messages, those with the nearest deadline first."""
    return transact(
        lambda connection: (
            cases.open_cases_of(connection, merchant_id, at_most),
            parked.parked_messages(connection, merchant_id, at_most),
        )
    )


def _retry_all(
    connection: Connection, repayment_ids: Sequence[UUID], by: str, note: str | None
) -> list[UUID]:
    orders.lock_orders_of_repayments(connection, repayment_ids)
    retried = [one for one in repayment_ids if parked.retry_repayment(connection, one)]
    told = {"note": note} if note else {}
    cases.close_cases(connection, retried, [CaseKind.PARKED], RETRIED, by, told)
    return retried


def _resolve(
    connection: Connection, repayment_id: UUID, *, paid: bool, evidence: str, by: str
) -> bool:
    one = store.lock_repayment(connection, repayment_id)
    if one is None or one.state != RepaymentState.PARKED:
        return True
    verdict = PAID if paid else NOT_PAID
    told = {"evidence": evidence, "verdict": verdict}
    if _needs_another(connection, one, verdict, by):
        case_id = cases.open_case_of(connection, repayment_id, CaseKind.PARKED)
        if case_id is not None:
            cases.add_events(connection, [(case_id, PROPOSED, by, told)])
        return False
    kind = OutcomeKind.SETTLED if paid else OutcomeKind.DECLINED
    news = News(
        provider=one.provider,
        event_id=f"{verdict}:{repayment_id}",
        kind=NewsKind.SETTLED if paid else NewsKind.DECLINED,
        code=verdict,
        evidence={**told, "by": by},
    )
    record_verdict(connection, one, kind, news)
    cases.close_cases(connection, [repayment_id], [CaseKind.PARKED], verdict, by, told)
    return True


def _needs_another(connection: Connection, one: store.Standing, verdict: str, by: str) -> bool:
    market = orders.market_of_repayment(connection, one.repayment_id)
    threshold = policy_of(one.merchant_id, market, one.currency).approval_above_minor
    if threshold is None or one.amount_minor <= threshold:
        return False
    return not any(
        what == PROPOSED and details.get("verdict") == verdict and who != by
        for what, who, details in cases.history_of(connection, one.repayment_id)
    )


def _some(found: list[UUID], name: str) -> list[UUID]:
    if not found:
        raise NothingParkedError(f"nothing of {name!r} is parked")
    return found
