"""Was more given back than was captured? Recomputed from what each repayment takes of each line."""

from typing import Any

import psycopg

from chaos.checking.findings import OVER_CAPTURED, WRONG_COUNTERS, Findings
from chaos.checking.submitted import Key, Submitted

OPEN = "('held', 'due', 'unknown', 'pending', 'parked')"
PARTS = ("quantity", "amount_minor", "tax_minor", "discount_minor")

_TAKEN = ", ".join(
    f"coalesce(sum(t.{part}) FILTER (WHERE r.state = 'settled'), 0)::bigint,"
    f" coalesce(sum(t.{part}) FILTER (WHERE r.state IN {OPEN}), 0)::bigint"
    for part in PARTS
)
_COUNTERS = ", ".join(f"l.refunded_{part}, l.reserved_{part}" for part in PARTS)
_CAPTURED = ", ".join(f"l.captured_{part}" for part in PARTS)
_LINES = f"""
    SELECT c.merchant_id, c.capture_id, l.line_id, l.type, {_CAPTURED}, {_COUNTERS}, {_TAKEN}
    FROM captured_lines l JOIN captures c ON c.id = l.capture_pk
    LEFT JOIN refund_lines t ON t.line_pk = l.id
    LEFT JOIN repayments r ON r.id = t.repayment_id
    GROUP BY c.id, l.id
"""
_CAPTURES = f"""
    SELECT c.merchant_id, c.capture_id, c.refunded_minor, c.reserved_minor, c.cash_minor,
           coalesce(sum(r.amount_minor) FILTER (WHERE r.state = 'settled'), 0)::bigint,
           coalesce(sum(r.amount_minor) FILTER (WHERE r.state IN {OPEN}), 0)::bigint,
           coalesce(sum(r.cash_minor) FILTER (WHERE r.state IN ('settled')
                                              OR r.state IN {OPEN}), 0)::bigint
    FROM captures c LEFT JOIN repayments r ON r.capture_pk = c.id GROUP BY c.id
"""
_PAID_OUT = """
    SELECT merchant_id, capture_reference, sum(amount_minor)::bigint FROM sandbox.movements
    WHERE state = 'settled' GROUP BY 1, 2
"""
# A kept fee becomes a line: no larger than the fee of the refund that it is named after.
_FEES = """
    SELECT l.line_id, l.captured_amount_minor, r.fee_minor FROM captured_lines l
    LEFT JOIN repayments r
      ON r.capture_pk = l.capture_pk AND l.line_id = 'return_fee:' || r.refund_id
    WHERE l.type = 'return_fee' AND l.captured_amount_minor > coalesce(r.fee_minor, 0)
"""


def check(connection: psycopg.Connection[Any], submitted: Submitted, findings: Findings) -> None:
    """Hold what was taken against what was submitted as captured."""
    _check_lines(connection, submitted, findings)
    for line_id, captured, fee in connection.execute(_FEES):
        findings.add(OVER_CAPTURED, f"{line_id} is {captured}, its refund kept {fee}")
    limits = {
        key: (sum(line["total_amount_minor"] for line in body["lines"]), body)
        for key, body in submitted.captures.items()
    }
    paid_out: dict[Key, int] = {(row[0], row[1]): row[2] for row in connection.execute(_PAID_OUT)}
    for merchant_id, capture_id, *counters, settled, open_, cash in connection.execute(_CAPTURES):
        key = merchant_id, capture_id
        if counters != [settled, open_, cash]:
            findings.add(WRONG_COUNTERS, f"{capture_id} {counters}, not {[settled, open_, cash]}")
        if key not in limits:
            continue  # told as unasked
        captured, body = limits[key]
        paid = body.get("customer_paid_minor", captured)
        if settled + open_ > captured:
            findings.add(OVER_CAPTURED, f"{capture_id}: {settled + open_} of {captured}")
        if max(cash, paid_out.get(key, 0)) > paid:
            findings.add(
                OVER_CAPTURED, f"{capture_id}: {paid_out.get(key, 0)} paid out of {paid} paid in"
            )


def _check_lines(
    connection: psycopg.Connection[Any], submitted: Submitted, findings: Findings
) -> None:
    submitted_lines = {
        (*key, line["line_id"]): (
            line["quantity"],
            line["total_amount_minor"],
            line.get("total_tax_minor", 0),
            line.get("total_discount_minor", 0),
        )
        for key, body in submitted.captures.items()
        for line in body["lines"]
    }
    size = len(PARTS)
    for merchant_id, capture_id, line_id, kind, *figures in connection.execute(_LINES):
        stored, counters, taken = figures[:size], figures[size : 3 * size], figures[3 * size :]
        told = f"{line_id} of {capture_id}"
        if counters != taken:
            findings.add(WRONG_COUNTERS, f"{told}: counted {counters}, taken {taken}")
        captured = submitted_lines.get((merchant_id, capture_id, line_id))
        if captured is None and kind != "return_fee":
            findings.add(OVER_CAPTURED, f"{told} was never submitted")
            continue
        for part, most, settled, reserved in zip(
            PARTS, captured or stored, taken[::2], taken[1::2], strict=True
        ):
            total = settled + reserved
            if abs(total) > abs(most) or total * most < 0:
                findings.add(OVER_CAPTURED, f"{told}: {part} {total} of {most}")
