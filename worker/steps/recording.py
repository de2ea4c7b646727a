"""Record outcomes of repayments, and deduct finished refunds from the merchants' payouts.

One transaction for a batch: states, counters, ledger, deductions and events change together.
"""

import json
import random
from collections.abc import Sequence

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from models.values.repayments import Claim, Outcome, OutcomeKind
from models.values.states import DeductionKind, RepaymentState, Topic
from worker.database import constraint_of, transact
from worker.rules import postings
from worker.rules.repaying import RetryPolicy, after
from worker.settings import settings
from worker.store import captures, ledger, orders, outbox, payouts, refunds, repayments

log = structlog.get_logger()

NOT_RECORDED = "outcome_not_recorded"
"""The provider's answer contradicts what is stored. Attempts go on until a person is asked."""


def record_outcomes(claims: Sequence[Claim], outcomes: Sequence[Outcome]) -> int:
    """Record each claim's outcome; gives how many still held their fence.

    Raises:
        DatabaseUnavailableError: nothing was recorded; the leases expire and the sweep resumes.
    """
    if not claims:
        return 0
    rows = [_row(claim, outcome) for claim, outcome in zip(claims, outcomes, strict=True)]
    try:
        return transact(lambda connection: _record(connection, rows))
    except IntegrityError as error:
        # One outcome that cannot be stored (a provider's number used twice, say) must not keep
        # the others from being recorded.
        if len(claims) > 1:
            pairs = zip(claims, outcomes, strict=True)
            return sum(record_outcomes([claim], [outcome]) for claim, outcome in pairs)
        log.exception("outcome.not_recorded", repayment_id=str(claims[0].repayment_id))
        evidence = {**outcomes[0].evidence, "refused_by": constraint_of(error)}
        unknown = Outcome(OutcomeKind.UNKNOWN, code=NOT_RECORDED, evidence=evidence)
        row = _row(claims[0], unknown)
        return transact(lambda connection: _record(connection, [row]))


def _row(claim: Claim, outcome: Outcome) -> repayments.ToRecord:
    policy = RetryPolicy(attempts_max=settings().attempts_max)
    chance = random.random()  # noqa: S311 - jitter is no secret
    transition = after(outcome, claim.before, claim.attempt, policy, chance)
    return repayments.ToRecord(
        claim,
        outcome,
        transition.state,
        transition.wait,
        transition.code,
        json.dumps(dict(outcome.evidence)),
    )


def _record(connection: Connection, rows: Sequence[repayments.ToRecord]) -> int:
    orders.lock_orders_of_repayments(connection, [row.claim.repayment_id for row in rows])
    recorded = repayments.record_outcomes(connection, rows)
    by_id = {row.claim.repayment_id: row.claim.order for row in rows}
    settled = [one for one in recorded if one.state is RepaymentState.SETTLED]
    declined = [one for one in recorded if one.state is RepaymentState.DECLINED]
    captures.settle(connection, [one.repayment_id for one in settled])
    captures.release(connection, [one.repayment_id for one in declined])
    entries = [
        postings.repayment(
            one.repayment_id,
            by_id[one.repayment_id].merchant_id,
            by_id[one.repayment_id].currency,
            one.amount_minor,
            one.cash_minor,
        )
        for one in settled
    ]
    finished = refunds.finish_refunds(
        connection, [one.repayment_id for one in (*settled, *declined)]
    )
    repaid = [refund for refund in finished if refund.settled_minor]
    open_payouts = payouts.lock_open_payouts(
        connection, {(refund.merchant_id, refund.currency) for refund in repaid}
    )
    payouts.insert_deductions(
        connection,
        [
            (
                refund.refund_id,
                str(DeductionKind.REFUND),
                open_payouts[refund.merchant_id, refund.currency],
                refund.settled_minor,
            )
            for refund in repaid
        ],
    )
    entries += [
        postings.deduction(
            refund.refund_id, refund.merchant_id, refund.currency, refund.settled_minor
        )
        for refund in repaid
    ]
    ledger.post(connection, entries)
    outbox.insert_events(connection, [event for refund in finished for event in _events(refund)])
    return len(recorded)


def _events(refund: refunds.FinishedRefund) -> list[outbox.Event]:
    payload = {
        "refund_id": str(refund.refund_id),
        "idempotency_key": refund.idempotency_key,
        "order_id": refund.order_id,
        "amount_minor": refund.amount_minor,
        "repaid_minor": refund.settled_minor,
        "currency": refund.currency,
    }
    topics = (Topic.REPAID, Topic.DEDUCTED) if refund.settled_minor else (Topic.FAILED,)
    return [outbox.Event(topic, refund.merchant_id, refund.refund_id, payload) for topic in topics]
