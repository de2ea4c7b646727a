"""Overpaid captures, and the repayments of what was overpaid."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from models.values.orders import Capture
from worker.arrays import execute

_CAPTURES = text("""
    SELECT id, capture_id, captured_at, provider, captured_minor, paid_minor,
           reserved_minor + refunded_minor, cash_minor
    FROM captures WHERE id = ANY(CAST(:captures AS bigint[])) ORDER BY id
""")


def read_captures(connection: Connection, pks: Collection[int]) -> Sequence[Capture]:
    """These captures. Their orders are locked by the caller."""
    if not pks:
        return ()
    return [Capture(*row) for row in execute(connection, _CAPTURES, {"captures": sorted(pks)})]


@dataclass(frozen=True, slots=True)
class Reducing:
    """A repayment that reduced the customer's debt by `reduced_minor` that did not go back yet.

    `overpayments` is how many repayments of overpaid money it has already.
    """

    repayment_id: UUID
    refund_id: UUID
    capture_pk: int
    provider: str
    held: bool
    reduced_minor: int
    overpayments: int


# A repayment under way is left out: when it has settled, its recording looks here again.
_REDUCING = text("""
    SELECT r.id, r.refund_id, r.capture_pk, r.provider, r.state = 'held' AS held,
           r.amount_minor - r.cash_minor - coalesce(sum(o.cash_minor), 0) AS reduced,
           count(o.id)
    FROM repayments r
    LEFT JOIN repayments o ON o.refund_id = r.refund_id AND o.capture_pk = r.capture_pk
      AND o.kind = 'overpayment'
    WHERE r.capture_pk = :capture AND r.kind <> 'overpayment' AND r.state IN ('held', 'settled')
    GROUP BY r.id
    HAVING r.amount_minor - r.cash_minor - coalesce(sum(o.cash_minor), 0) > 0
    ORDER BY held DESC, r.finished_at DESC, r.id
""")


def reducing_repayments(connection: Connection, capture_pk: int) -> Sequence[Reducing]:
    """The repayments of a capture that reduced its debt: held ones first, then the newest."""
    rows = execute(connection, _REDUCING, {"capture": capture_pk})
    return [
        Reducing(
            repayment_id=row[0],
            refund_id=row[1],
            capture_pk=row[2],
            provider=row[3],
            held=row[4],
            reduced_minor=int(row[5]),
            overpayments=row[6],
        )
        for row in rows
    ]


_RAISE = text("""
    UPDATE repayments SET cash_minor = cash_minor + :part WHERE id = :repayment AND state = 'held'
""")


def raise_cash(connection: Connection, repayment_id: UUID, part: int) -> None:
    """Let more of a held repayment go back as money."""
    execute(connection, _RAISE, {"repayment": repayment_id, "part": part})


_INSERT = text("""
    INSERT INTO repayments (id, refund_id, capture_pk, kind, source, provider, amount_minor,
                            cash_minor, provider_key, state, next_attempt_at)
    VALUES (:repayment, :refund, :capture, 'overpayment', :source, :provider, :part, :part, :key,
            'due', now())
""")


def insert_due(
    connection: Connection, repayment_id: UUID, of: Reducing, source: str, part: int, key: str
) -> None:
    """Store a repayment of overpaid money, due now."""
    execute(
        connection,
        _INSERT,
        {
            "repayment": repayment_id,
            "refund": of.refund_id,
            "capture": of.capture_pk,
            "source": source,
            "provider": of.provider,
            "part": part,
            "key": key,
        },
    )


_ADD_CASH = text("UPDATE captures SET cash_minor = cash_minor + :part WHERE id = :capture")


def add_cash(connection: Connection, capture_pk: int, part: int) -> None:
    """Count what now goes back as money of what refunds had taken off the debt."""
    execute(connection, _ADD_CASH, {"capture": capture_pk, "part": part})
