"""Was every message decided, refused or parked, as what it was submitted as?"""

from collections import Counter, defaultdict
from typing import Any

import psycopg

from chaos.checking.findings import ALTERED, LOST, UNASKED, Findings
from chaos.checking.submitted import Body, Key, Submitted, essence

TASK = "refunds.request"

_REQUESTS = "SELECT merchant_id, idempotency_key, body, decision FROM refund_requests"
_REFUSED = "SELECT merchant_id, message_key, body FROM refused_messages WHERE task = %s"
_PARKED = """
    SELECT merchant_id, idempotency_key FROM parked_messages
    WHERE task = %s AND merchant_id IS NOT NULL AND idempotency_key IS NOT NULL
"""
_ORPHANS = """
    SELECT f.id FROM refunds f
    WHERE NOT EXISTS (SELECT FROM refund_requests q WHERE q.refund_id = f.id)
"""
_CAPTURES = """
    SELECT c.merchant_id, c.capture_id, o.order_id, c.captured_minor, c.paid_minor,
           (SELECT json_agg(json_build_array(l.line_id, l.captured_quantity,
                                             l.captured_amount_minor, l.captured_tax_minor)
                            ORDER BY l.line_id)
            FROM captured_lines l WHERE l.capture_pk = c.id AND l.type <> 'return_fee')
    FROM captures c JOIN orders o ON o.id = c.order_pk
"""


def check(
    connection: psycopg.Connection[Any], submitted: Submitted, findings: Findings
) -> dict[str, int]:
    """Compare what was submitted with what is stored; gives figures."""
    _check_captures(connection, submitted, findings)
    decided: dict[Key, tuple[Body, str]] = {
        (row[0], row[1]): (row[2], row[3]) for row in connection.execute(_REQUESTS)
    }
    refused: dict[Key, list[tuple[Any, ...]]] = defaultdict(list)
    for merchant_id, key, body in connection.execute(_REFUSED, [TASK]):
        refused[merchant_id, key].append(essence(body))
    parked: set[Key] = {(row[0], row[1]) for row in connection.execute(_PARKED, [TASK])}
    natures: Counter[str] = Counter()
    fates: Counter[str] = Counter()
    for key, entries in submitted.requests.items():
        for nature, body in entries:
            natures[nature] += 1
            fate = _fate(nature, body, decided.get(key), refused.get(key, []), parked=key in parked)
            fates[fate] += 1
            if fate == LOST:
                findings.add(LOST, f"{nature} {key[1]!r} of {key[0]!r} for {body['order_id']!r}")
        _check_content(key, entries, decided.get(key), findings)
    for key, (body, _) in decided.items():
        if key not in submitted.requests:
            findings.add(UNASKED, f"nobody submitted {key[1]!r} of {key[0]!r}: {body}")
    for (refund_id,) in connection.execute(_ORPHANS):
        findings.add(UNASKED, f"refund {refund_id} has no request")
    return {
        "captures submitted": len(submitted.captures),
        "requests submitted": sum(natures.values()),
        **{f"  of these {nature}": count for nature, count in sorted(natures.items())},
        **{fate: fates[fate] for fate in ("accepted", "refused", "conflicting", "parked")},
    }


def _fate(
    nature: str,
    body: Body,
    decision: tuple[Body, str] | None,
    refused: list[tuple[Any, ...]],
    *,
    parked: bool,
) -> str:
    if nature == "malformed":
        return "parked" if parked else LOST
    asked = essence(body)
    if decision is not None and essence(decision[0]) == asked:
        return decision[1]
    if asked in refused:
        return "conflicting"
    return "parked" if parked else LOST


def _check_content(
    key: Key,
    entries: list[tuple[str, Body]],
    decision: tuple[Body, str] | None,
    findings: Findings,
) -> None:
    if decision is None:
        return
    asked = [essence(body) for nature, body in entries if nature != "malformed"]
    if essence(decision[0]) not in asked:
        findings.add(ALTERED, f"{key[1]!r} of {key[0]!r} was decided as {decision[0]}")


def _check_captures(
    connection: psycopg.Connection[Any], submitted: Submitted, findings: Findings
) -> None:
    stored = {(row[0], row[1]): row[2:] for row in connection.execute(_CAPTURES)}
    for key, body in submitted.captures.items():
        lines = body["lines"]
        captured = sum(line["total_amount_minor"] for line in lines)
        expected = (
            body["order_id"],
            captured,
            body.get("customer_paid_minor", captured),
            sorted(
                [
                    line["line_id"],
                    line["quantity"],
                    line["total_amount_minor"],
                    line.get("total_tax_minor", 0),
                ]
                for line in lines
            ),
        )
        if key not in stored:
            findings.add(LOST, f"capture {key[1]!r} of {key[0]!r}")
        elif stored[key] != expected:
            findings.add(ALTERED, f"capture {key[1]!r} of {key[0]!r} is stored as {stored[key]}")
    for key in stored.keys() - submitted.captures.keys():
        findings.add(UNASKED, f"nobody submitted capture {key[1]!r} of {key[0]!r}")
