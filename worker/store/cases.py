"""Cases for persons, and their history. History is only ever added to."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from models.tables.cases import case_events
from models.values.states import CaseKind
from worker.arrays import execute
from worker.store.setwise import insert_rows

WORKER = "worker"


@dataclass(frozen=True, slots=True)
class NewCase:
    """Something that a person must look at."""

    kind: CaseKind
    merchant_id: str
    refund_id: UUID | None
    repayment_id: UUID | None
    code: str
    summary: str


_OPEN = text("""
    INSERT INTO cases (kind, merchant_id, refund_id, repayment_id, code, summary, deadline_at)
    SELECT u.kind, u.merchant_id, u.refund_id, u.repayment_id, u.code, u.summary,
           now() + make_interval(hours => :hours)
    FROM unnest(CAST(:kinds AS text[]), CAST(:merchants AS text[]), CAST(:refunds AS uuid[]),
                CAST(:repayments AS uuid[]), CAST(:codes AS text[]), CAST(:summaries AS text[]))
      AS u(kind, merchant_id, refund_id, repayment_id, code, summary)
    ON CONFLICT (kind, repayment_id) WHERE closed_at IS NULL AND repayment_id IS NOT NULL
      DO UPDATE SET summary = EXCLUDED.summary, code = EXCLUDED.code
    RETURNING id, code, summary
""")


def open_cases(connection: Connection, cases: Sequence[NewCase], deadline_hours: int) -> None:
    """Open cases; one that is open already of the same repayment gets a new line of history."""
    if not cases:
        return
    rows = execute(
        connection,
        _OPEN,
        {
            "kinds": [case.kind for case in cases],
            "merchants": [case.merchant_id for case in cases],
            "refunds": [case.refund_id for case in cases],
            "repayments": [case.repayment_id for case in cases],
            "codes": [case.code for case in cases],
            "summaries": [case.summary for case in cases],
            "hours": deadline_hours,
        },
    )
    add_events(
        connection,
        [(row[0], "opened", WORKER, {"code": row[1], "summary": row[2]}) for row in rows],
    )


Event = tuple[int, str, str, Mapping[str, Any]]
"""case id, what, by whom, details"""


def add_events(connection: Connection, events: Iterable[Event]) -> None:
    """Add lines to the history of cases."""
    insert_rows(
        connection,
        case_events,
        ("case_id", "what", "by", "details"),
        [(case_id, what, by, json.dumps(dict(told))) for case_id, what, by, told in events],
    )


_CLOSE = text("""
    UPDATE cases SET closed_at = now(), resolution = :resolution
    WHERE repayment_id = ANY(CAST(:repayments AS uuid[])) AND closed_at IS NULL
      AND kind = ANY(CAST(:kinds AS text[]))
    RETURNING id
""")


def close_cases(
    connection: Connection,
    repayment_ids: Sequence[UUID],
    kinds: Sequence[CaseKind],
    resolution: str,
    by: str,
    details: Mapping[str, Any],
) -> None:
    """Close the open cases of these repayments and kinds."""
    bound = {
        "repayments": list(repayment_ids),
        "kinds": [str(kind) for kind in kinds],
        "resolution": resolution,
    }
    closed = [row[0] for row in execute(connection, _CLOSE, bound)]
    add_events(connection, [(case_id, resolution, by, details) for case_id in closed])


_OF_REPAYMENT = text("""
    SELECT e.what, e.by, e.details FROM case_events e JOIN cases c ON c.id = e.case_id
    WHERE c.repayment_id = :repayment AND c.closed_at IS NULL ORDER BY e.id
""")


def history_of(connection: Connection, repayment_id: UUID) -> list[tuple[str, str, dict[str, Any]]]:
    """What happened to the open cases of a repayment: what, by whom, details."""
    rows = execute(connection, _OF_REPAYMENT, {"repayment": repayment_id})
    return [(row[0], row[1], row[2]) for row in rows]


_ADD = text("""
    SELECT id FROM cases WHERE repayment_id = :repayment AND closed_at IS NULL AND kind = :kind
""")


def open_case_of(connection: Connection, repayment_id: UUID, kind: CaseKind) -> int | None:
    """The open case of a kind of a repayment."""
    bound = {"repayment": repayment_id, "kind": str(kind)}
    return execute(connection, _ADD, bound).scalar_one_or_none()


_LIST = text("""
    SELECT c.id, c.kind, c.merchant_id, c.refund_id, c.repayment_id, c.code, c.summary, c.owner,
           c.opened_at, c.deadline_at, c.deadline_at < now() AS late,
           r.state, r.provider, r.attempts, r.amount_minor, f.currency
    FROM cases c LEFT JOIN repayments r ON r.id = c.repayment_id
    LEFT JOIN refunds f ON f.id = c.refund_id
    WHERE c.closed_at IS NULL AND (CAST(:merchant AS text) IS NULL OR c.merchant_id = :merchant)
    ORDER BY c.deadline_at, c.id LIMIT :at_most
""")


def open_cases_of(
    connection: Connection, merchant_id: str | None, at_most: int
) -> list[dict[str, Any]]:
    """Open cases, those with the nearest deadline first."""
    bound = {"merchant": merchant_id, "at_most": at_most}
    return [dict(row) for row in execute(connection, _LIST, bound).mappings()]
