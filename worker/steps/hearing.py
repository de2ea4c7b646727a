"""Hear what providers tell later: settled, declined, or that what had settled came back.

News may come before the response to the call, twice, out of order or never; each changes the books
once. What contradicts them becomes a case for a person, and changes nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Connection

from models.values.booking import Entry
from models.values.repayments import Action, Claim, News, Outcome, OutcomeKind, RepaymentOrder
from models.values.states import (
    CaseKind,
    DeductionKind,
    EntryKind,
    LineType,
    RepaymentKind,
    RepaymentState,
    Topic,
)
from worker.database import transact
from worker.rules import postings
from worker.rules.news import Effect, effect_of
from worker.settings import settings
from worker.steps.recording import finish, record_in
from worker.store import (
    captures,
    cases,
    crediting,
    ledger,
    orders,
    outbox,
    payouts,
    repayments,
)
from worker.store import news as store

NO_ATTEMPT = 0
UNKNOWN_REPAYMENT = "unknown_repayment"
CONTRADICTS = "contradicts_what_is_stored"


def hear_news(news: Sequence[News]) -> list[str]:
    """Apply news; gives what each did: an effect, `known` for a repeat, or `unknown_repayment`.

    Raises:
        DatabaseUnavailableError: none was applied; the same news may be told again.
    """
    return transact(lambda connection: _hear(connection, news))


def _hear(connection: Connection, news: Sequence[News]) -> list[str]:
    found = store.find_repayments(connection, news)
    orders.lock_orders_of_repayments(connection, sorted(set(found.values())))
    return [_apply(connection, one, found.get(position)) for position, one in enumerate(news)]


def _apply(connection: Connection, news: News, repayment_id: UUID | None) -> str:
    standing = None if repayment_id is None else store.lock_repayment(connection, repayment_id)
    if standing is None:
        # Its own event id is not spent: told again when we know the repayment, it counts.
        unknown = replace(news, event_id=f"{UNKNOWN_REPAYMENT}:{news.event_id}")
        if store.hear(connection, unknown, None, UNKNOWN_REPAYMENT):
            _ask_person(connection, news, None, UNKNOWN_REPAYMENT)
            return UNKNOWN_REPAYMENT
        return "known"
    effect = effect_of(news.kind, RepaymentState(standing.state))
    if not store.hear(connection, news, standing.repayment_id, str(effect)):
        return "known"
    if effect is Effect.CONTRADICTION:
        _ask_person(connection, news, standing, CONTRADICTS)
    if effect in (Effect.SETTLE, Effect.SETTLE_AND_REVERSE):
        record_verdict(connection, standing, OutcomeKind.SETTLED, news)
    if effect is Effect.DECLINE:
        record_verdict(connection, standing, OutcomeKind.DECLINED, news)
    if effect in (Effect.REVERSE, Effect.SETTLE_AND_REVERSE):
        _reverse(connection, standing.repayment_id, news)
    if effect is not Effect.NOTHING:
        told = {"news": str(news.kind), "event": news.event_id}
        cases.close_cases(
            connection, [standing.repayment_id], [CaseKind.PARKED], str(effect), news.provider, told
        )
    return str(effect)


def record_verdict(
    connection: Connection, one: store.Standing, kind: OutcomeKind, news: News
) -> None:
    """Record that an open repayment settled or was declined, whoever says so."""
    claim = Claim(
        one.repayment_id,
        one.fence,
        NO_ATTEMPT,
        Action.NONE,
        RepaymentState.UNKNOWN,
        one.provider,
        RepaymentOrder(
            key=one.provider_key,
            reference=str(one.refund_id),
            merchant_id=one.merchant_id,
            order_id=one.order_id,
            capture_id=one.capture_id,
            currency=one.currency,
            amount_minor=one.cash_minor,
            provider_references={},
        ),
        one.kind,
    )
    outcome = Outcome(kind, news.code, news.provider_refund_id, news.evidence)
    state = RepaymentState.SETTLED if kind is OutcomeKind.SETTLED else RepaymentState.DECLINED
    row = repayments.ToRecord(
        claim, outcome, state, None, news.code, json.dumps(dict(news.evidence))
    )
    record_in(connection, [row])


def _reverse(connection: Connection, repayment_id: UUID, news: News) -> None:
    one = store.lock_repayment(connection, repayment_id)
    if one is None or one.state != RepaymentState.SETTLED:
        return
    deducted = store.reverse(connection, one, news.code)
    if one.kind is RepaymentKind.OVERPAYMENT:
        store.return_cash(connection, one.repayment_id)
    else:
        captures.unsettle(connection, [one.repayment_id])
        finish(connection, [one.repayment_id])
    if deducted:
        _take_deduction_back(connection, one)
    ledger.post(connection, [_reversed_entry(one)])
    cases.open_cases(
        connection,
        [
            cases.NewCase(
                CaseKind.REVERSED,
                one.merchant_id,
                one.refund_id,
                one.repayment_id,
                news.code or str(news.kind),
                "the money came back: pay the customer another way",
            )
        ],
        settings().parked_deadline_hours,
    )
    payload = {
        "refund_id": str(one.refund_id),
        "capture_id": one.capture_id,
        "amount_minor": one.amount_minor,
        "currency": one.currency,
        "code": news.code,
    }
    outbox.insert_events(
        connection, [outbox.Event(Topic.REVERSED, one.merchant_id, one.refund_id, payload)]
    )
    if one.kind is not RepaymentKind.OVERPAYMENT:
        crediting.reverse(connection, one.repayment_id)


def _take_deduction_back(connection: Connection, one: store.Standing) -> None:
    key = one.merchant_id, one.currency
    open_payouts = payouts.lock_open_payouts(connection, {key})
    source = str(one.repayment_id)
    row = (
        one.refund_id,
        str(DeductionKind.REVERSAL),
        source,
        open_payouts[key],
        one.amount_minor,
    )
    payouts.insert_deductions(connection, [row])
    booked = postings.deduction(one.refund_id, one.merchant_id, one.currency, one.amount_minor)
    entry = postings.reversal(booked, EntryKind.DEDUCTION_REVERSAL, f"repayment:{source}")
    ledger.post(connection, [entry])


def _reversed_entry(one: store.Standing) -> Entry | None:
    named = one.repayment_id, one.merchant_id, one.currency
    if one.kind is RepaymentKind.OVERPAYMENT:
        booked = postings.overpayment(*named, one.cash_minor)
    else:
        tendered = {
            LineType.GIFT_CARD: one.gift_card_minor,
            LineType.STORE_CREDIT: one.store_credit_minor,
        }
        booked = postings.repayment(*named, one.amount_minor, one.cash_minor, tendered)
    return postings.reversal(booked, EntryKind.REPAYMENT_REVERSAL, f"repayment:{one.repayment_id}")


def _ask_person(connection: Connection, news: News, one: store.Standing | None, code: str) -> None:
    where = f"the repayment is {one.state}" if one else "no repayment of ours has this name"
    summary = f"{news.provider} says {news.kind} ({news.event_id}), but {where}"
    cases.open_cases(
        connection,
        [
            cases.NewCase(
                CaseKind.CONTRADICTION,
                one.merchant_id if one else "",
                one.refund_id if one else None,
                one.repayment_id if one else None,
                code,
                summary,
            )
        ],
        settings().parked_deadline_hours,
    )
