"""Record outcomes of repayments, and deduct finished refunds from the merchants' payouts.

One transaction for a batch: states, counters, ledger, deductions and events change together.
"""

import json
import random
from collections.abc import Sequence

from sqlalchemy import Connection

from models.values.repayments import Claim, Outcome
from models.values.states import DeductionKind, RepaymentState, Topic
from worker.database import transact
from worker.rules import postings
from worker.rules.repaying import RetryPolicy, after
from worker.settings import settings
from worker.store import captures, ledger, orders, outbox, payouts, refunds, repayments


def record_outcomes(claims: Sequence[Claim], outcomes: Sequence[Outcome]) -> int:
    """Record each claim's outcome; gives how many still held their fence.

    Raises:
        DatabaseUnavailableError: nothing was recorded; the leases expire and the sweep resumes.
    """
    if not claims:
        return 0
    policy = RetryPolicy(attempts_max=settings().attempts_max)
    rows = []
    for claim, outcome in zip(claims, outcomes, strict=True):
        chance = random.random()  # noqa: S311 - jitter is no secret
        transition = after(outcome, claim.before, claim.attempt, policy, chance)
        rows.append(
            repayments.ToRecord(
                claim,
                outcome,
                transition.state,
                transition.wait,
                transition.code,
                json.dumps(dict(outcome.evidence)),
            )
        )
    return transact(lambda connection: _record(connection, rows))


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
