"""Has everything come to an end?"""

from typing import Any

import psycopg

from chaos.checking.findings import UNFINISHED, Findings

_UNFINISHED = (
    """
    SELECT format('refund %s is %s', id, state) FROM refunds
    WHERE state NOT IN ('deducted', 'failed', 'cancelled', 'reversed')
    """,
    """
    SELECT format('repayment %s of refund %s is %s (%s)', id, refund_id, state, code)
    FROM repayments WHERE state NOT IN ('settled', 'declined', 'cancelled', 'reversed')
    """,
    # With nothing wrong in them they must not be left to a person.
    """
    SELECT format('message %s is parked: %s', id, code) FROM parked_messages
    WHERE closed_at IS NULL AND code IN ('poison_message', 'internal_error')
    """,
    """
    SELECT format('case %s is open, but repayment %s is %s', c.id, r.id, r.state)
    FROM cases c JOIN repayments r ON r.id = c.repayment_id
    WHERE c.kind = 'parked' AND c.closed_at IS NULL AND r.state <> 'parked'
    """,
    "SELECT format('event %s (%s) is not published', id, topic) FROM outbox",
)
_REFUNDS = "SELECT state, count(*)::int FROM refunds GROUP BY state ORDER BY state"
_COUNTS = """
    SELECT (SELECT count(*) FROM attempts)::int,
           (SELECT count(*) FROM attempts WHERE outcome IS NULL)::int,
           (SELECT count(*) FROM provider_news)::int,
           (SELECT count(*) FROM cases)::int,
           (SELECT count(*) FROM cases WHERE closed_at IS NULL)::int
"""


def check(connection: psycopg.Connection[Any], findings: Findings) -> dict[str, int]:
    """Look for what has not ended; gives figures."""
    for query in _UNFINISHED:
        for (sentence,) in connection.execute(query.encode()):
            findings.add(UNFINISHED, sentence)
    states = {f"refunds {state}": count for state, count in connection.execute(_REFUNDS)}
    row = connection.execute(_COUNTS).fetchone()
    assert row is not None
    names = ("attempts", "attempts never heard of", "news heard", "cases", "cases still open")
    return {**states, **dict(zip(names, map(int, row), strict=True))}
