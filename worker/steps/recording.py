"""Record outcomes of repayments, and deduct finished refunds from the merchants' payouts.

One transaction for a batch: states, counters, ledger, deductions and events change together.
"""

import json
import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from models.values.booking import Entry
from models.values.repayments import Claim, Outcome, OutcomeKind
from models.values.states import CaseKind, DeductionKind, LineType, RepaymentState, Topic
from worker.database import constraint_of, transact
from worker.rules import postings
from worker.rules.repaying import after
from worker.settings import settings
from worker.steps.facts import facts_of
from worker.steps.gating import note_outcomes
from worker.steps.overpaid import repay_overpaid
from worker.store import (
    captures,
    cases,
    crediting,
    ledger,
    orders,
    outbox,
    payouts,
    refunds,
    repayments,
)

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
    rows = [to_record(claim, outcome) for claim, outcome in zip(claims, outcomes, strict=True)]
    try:
        return transact(lambda connection: record_in(connection, rows))
    except IntegrityError as error:
        # One outcome that cannot be stored (a provider's number used twice, say) must not keep
        # the others from being recorded.
        if len(claims) > 1:
            pairs = zip(claims, outcomes, strict=True)
            return sum(record_outcomes([claim], [outcome]) for claim, outcome in pairs)
        log.exception("outcome.not_recorded", repayment_id=str(claims[0].repayment_id))
        evidence = {**outcomes[0].evidence, "refused_by": constraint_of(error)}
        unknown = Outcome(OutcomeKind.UNKNOWN, code=NOT_RECORDED, evidence=evidence)
        row = to_record(claims[0], unknown)
        return transact(lambda connection: record_in(connection, [row]))


def to_record(claim: Claim, outcome: Outcome) -> repayments.ToRecord:
    """The outcome with the state that it makes of its repayment."""
    chance = random.random()  # noqa: S311 - jitter is no secret
    profile = facts_of(claim.provider).retries
    transition = after(outcome, claim.before, claim.tries, profile, chance, claim.kind)
    return repayments.ToRecord(
        claim,
        outcome,
        transition.state,
        transition.wait,
        transition.code,
        json.dumps(dict(outcome.evidence)),
    )


def record_in(connection: Connection, rows: Sequence[repayments.ToRecord]) -> int:
    """Record outcomes in a transaction; gives how many still held their fence."""
    orders.lock_orders_of_repayments(connection, [row.claim.repayment_id for row in rows])
    recorded = repayments.record_outcomes(connection, rows)
    settled = [one for one in recorded if one.state is RepaymentState.SETTLED]
    of_refunds = [one for one in settled if not one.is_overpayment]
    settled_ids = [one.repayment_id for one in of_refunds]
    declined_ids = [one.repayment_id for one in recorded if one.state is RepaymentState.DECLINED]
    captures.settle(connection, settled_ids)
    captures.release(connection, declined_ids)
    captures.add_fee_lines(connection, [one.repayment_id for one in of_refunds if one.fee_minor])
    ledger.post(connection, _entries(rows, settled))
    finish(connection, [*settled_ids, *declined_ids])
    _ask_persons(connection, rows, recorded)
    outbox.insert_events(connection, _other_events(rows, recorded))
    note_outcomes(connection, [(row.claim, row.outcome) for row in rows])
    repay_overpaid(connection, {one.capture_pk for one in of_refunds if one.reduced_debt})
    # Last, since it locks the merchants' counters until the commit.
    crediting.issue(connection, settled_ids)
    return len(recorded)


def _ask_persons(
    connection: Connection,
    rows: Sequence[repayments.ToRecord],
    recorded: Sequence[repayments.Recorded],
) -> None:
    by_id = {row.claim.repayment_id: row for row in rows}
    cases.open_cases(
        connection,
        [
            cases.NewCase(
                CaseKind.PARKED,
                by_id[one.repayment_id].claim.order.merchant_id,
                one.refund_id,
                one.repayment_id,
                by_id[one.repayment_id].code or "",
                "the provider's answer needs a person",
            )
            for one in recorded
            if one.state is RepaymentState.PARKED
        ],
        settings().parked_deadline_hours,
    )


def _entries(
    rows: Sequence[repayments.ToRecord], settled: Sequence[repayments.Recorded]
) -> list[Entry | None]:
    orders_by_id = {row.claim.repayment_id: row.claim.order for row in rows}
    entries = []
    for one in settled:
        order = orders_by_id[one.repayment_id]
        named = one.repayment_id, order.merchant_id, order.currency
        if one.is_overpayment:
            entries.append(postings.overpayment(*named, one.cash_minor))
        else:
            tendered = {
                LineType.GIFT_CARD: one.gift_card_minor,
                LineType.STORE_CREDIT: one.store_credit_minor,
            }
            entries.append(postings.repayment(*named, one.amount_minor, one.cash_minor, tendered))
    return entries


def finish(connection: Connection, repayment_ids: Sequence[UUID]) -> None:
    """Finish the refunds of these repayments that have none open any more: deduct what was repaid.

    The orders are locked by the caller.
    """
    finished = refunds.finish_refunds(connection, repayment_ids) if repayment_ids else []
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
                "",
                open_payouts[refund.merchant_id, refund.currency],
                refund.settled_minor,
            )
            for refund in repaid
        ],
    )
    ledger.post(
        connection,
        [
            postings.deduction(
                refund.refund_id, refund.merchant_id, refund.currency, refund.settled_minor
            )
            for refund in repaid
        ],
    )
    outbox.insert_events(connection, [event for refund in finished for event in _events(refund)])


def _events(refund: refunds.FinishedRefund) -> list[outbox.Event]:
    payload = {
        "refund_id": str(refund.refund_id),
        "idempotency_key": refund.idempotency_key,
        "order_id": refund.order_id,
        "amount_minor": refund.amount_minor,
        "repaid_minor": refund.settled_minor,
        "return_fee_minor": refund.fee_minor,
        "gift_card_minor": refund.gift_card_minor,
        "store_credit_minor": refund.store_credit_minor,
        "currency": refund.currency,
    }
    topics = (Topic.REPAID, Topic.DEDUCTED) if refund.settled_minor else (Topic.FAILED,)
    return [outbox.Event(topic, refund.merchant_id, refund.refund_id, payload) for topic in topics]


def _other_events(
    rows: Sequence[repayments.ToRecord], recorded: Sequence[repayments.Recorded]
) -> list[outbox.Event]:
    by_id = {row.claim.repayment_id: row for row in rows}
    events = []
    for one in recorded:
        row = by_id[one.repayment_id]
        payload: dict[str, Any] = {"refund_id": str(one.refund_id)}
        if one.state is RepaymentState.PARKED:
            topic = Topic.PARKED
            payload["code"] = row.code
        elif one.is_overpayment and one.state is RepaymentState.SETTLED:
            topic = Topic.OVERPAYMENT_REPAID
            payload["amount_minor"] = one.cash_minor
            payload["currency"] = row.claim.order.currency
            payload["capture_id"] = row.claim.order.capture_id
        else:
            continue
        events.append(outbox.Event(topic, row.claim.order.merchant_id, one.refund_id, payload))
    return events
