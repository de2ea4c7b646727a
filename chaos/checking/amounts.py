"""Is each accepted refund what its request asks for, to the minor unit?"""

from collections import Counter, defaultdict
from typing import Any

import psycopg

from chaos.checking.findings import ALTERED, Findings

_REFUNDS = """
    SELECT q.idempotency_key, q.body, f.id::text, f.amount_minor, f.fee_minor,
           (SELECT sum(r.amount_minor)::bigint FROM repayments r
            WHERE r.refund_id = f.id AND r.kind = 'refund')
    FROM refund_requests q JOIN refunds f ON f.id = q.refund_id
"""
_LINES = """
    SELECT r.refund_id::text, l.line_id, sum(t.quantity)::bigint,
           sum(t.amount_minor)::bigint
    FROM refund_lines t JOIN captured_lines l ON l.id = t.line_pk
    JOIN repayments r ON r.id = t.repayment_id GROUP BY 1, 2
"""
# What goes back of a repayment's lines, less the fee that is kept, is what is repaid.
_SUMS = """
    SELECT r.id::text, r.amount_minor, r.fee_minor, sum(t.amount_minor)::bigint
    FROM repayments r JOIN refund_lines t ON t.repayment_id = r.id WHERE r.kind = 'refund'
    GROUP BY r.id HAVING sum(t.amount_minor) <> r.amount_minor + r.fee_minor
"""


def check(connection: psycopg.Connection[Any], findings: Findings) -> None:
    """Compare accepted refunds with what was asked for."""
    for repayment_id, amount, fee, lines in connection.execute(_SUMS):
        findings.add(
            ALTERED, f"repayment {repayment_id} is {amount} and {fee} kept, of lines for {lines}"
        )
    taken: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for refund_id, line_id, quantity, amount in connection.execute(_LINES):
        taken[refund_id][line_id] = quantity, amount
    for key, body, refund_id, amount, fee, repaid in connection.execute(_REFUNDS):
        told = f"refund {refund_id} of {key!r}"
        if amount != repaid:
            findings.add(ALTERED, f"{told} is {amount}, its repayments {repaid}")
        if fee != body.get("return_fee_minor", 0):
            findings.add(ALTERED, f"{told} keeps {fee}, asked for {body}")
        if body["kind"] == "amount" and amount + fee != body["amount_minor"]:
            findings.add(ALTERED, f"{told} is {amount} and {fee} kept, asked for {body}")
        for wrong in _wrong_lines(body, taken[refund_id]):
            findings.add(ALTERED, f"{told}: {wrong}, asked for {body}")


def _wrong_lines(body: dict[str, Any], taken: dict[str, tuple[int, int]]) -> list[str]:
    """Lines of which other units or amounts were taken than were asked for."""
    quantities: Counter[str] = Counter()
    amounts: Counter[str] = Counter()
    for line in body.get("lines", ()):
        quantities[line["line_id"]] += line.get("quantity") or 0
        amounts[line["line_id"]] += line.get("amount_minor") or 0
    wrong = []
    for line_id, quantity in quantities.items():
        got_quantity, got_amount = taken.get(line_id, (0, 0))
        if quantity and quantity != got_quantity:
            wrong.append(f"{got_quantity} units of {line_id}")
        if not quantity and amounts[line_id] != got_amount:
            wrong.append(f"{got_amount} of {line_id}")
    return wrong
