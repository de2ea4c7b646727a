"""Did the provider pay each repayment once, and is each payment booked?"""

from collections import defaultdict
from typing import Any

import psycopg

from chaos.checking.findings import BOOKED_UNPAID, PAID_TWICE, PAID_UNBOOKED, Findings

_MOVEMENTS = """
    SELECT key, merchant_id, reference, capture_reference, currency, amount_minor, state
    FROM sandbox.movements
"""
_REPAYMENTS = """
    SELECT r.provider_key, f.merchant_id, r.refund_id::text, c.capture_id, f.currency,
           r.cash_minor, r.state, r.id::text
    FROM repayments r JOIN refunds f ON f.id = r.refund_id JOIN captures c ON c.id = r.capture_pk
"""
# What the worker may believe of a repayment, by what the provider's book says of it at the end.
_FITTING = {
    "settled": {"settled"},
    # Declined: its first news was that it came back.
    "reversed": {"reversed", "declined"},
    "declined": {"declined"},
    "pending": {"pending"},
}


def check(connection: psycopg.Connection[Any], findings: Findings) -> dict[str, int]:
    """Compare the provider's book with the repayments; gives figures."""
    repayments = {row[0]: row[1:] for row in connection.execute(_REPAYMENTS)}
    settled: dict[tuple[str, ...], list[str]] = defaultdict(list)
    booked: dict[str, str] = {}
    for key, *movement, state in connection.execute(_MOVEMENTS):
        booked[key] = state
        if state == "settled":
            settled[movement[0], movement[1], movement[2]].append(key)
        repayment = repayments.get(key)
        if repayment is None:
            findings.add(PAID_TWICE, f"movement {key} ({state}) belongs to no repayment")
            continue
        *expected, believed, repayment_id = repayment
        if movement != expected:
            findings.add(PAID_TWICE, f"repayment {repayment_id} is {expected}, paid {movement}")
        if believed not in _FITTING[state]:
            name = PAID_UNBOOKED if state == "settled" else BOOKED_UNPAID
            findings.add(name, f"repayment {repayment_id} is {believed}, its movement {state}")
    # A refund has one repayment a capture, whatever its keys are.
    for (_, reference, capture_id), keys in settled.items():
        if len(keys) > 1:
            findings.add(PAID_TWICE, f"refund {reference} on {capture_id} by movements {keys}")
    for key, (*_, cash_minor, believed, repayment_id) in repayments.items():
        if believed == "settled" and cash_minor > 0 and key not in booked:
            findings.add(BOOKED_UNPAID, f"repayment {repayment_id} is settled, no movement is")
    states = list(booked.values())
    return {
        "repayments": len(repayments),
        "movements settled": states.count("settled"),
        "movements declined": states.count("declined"),
        "movements reversed": states.count("reversed"),
    }
