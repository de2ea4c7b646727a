"""Checks after every setting: a benchmark that loses a refund measures nothing."""

import psycopg

from benchmarks.servers import Servers

_STATES = "SELECT state, count(*) FROM refunds GROUP BY state"
_SUMS = """
    SELECT (SELECT count(*) FROM deductions),
           (SELECT coalesce(sum(amount_minor), 0) FROM deductions),
           (SELECT coalesce(sum(amount_minor), 0) FROM sandbox.movements WHERE state = 'settled'),
           (SELECT coalesce(sum(amount_minor), 0) FROM refunds),
           (SELECT coalesce(sum(refunded_minor), 0) FROM captures),
           (SELECT coalesce(sum(reserved_minor), 0) FROM captures)
"""
_UNBALANCED = """
    SELECT count(*) FROM (
        SELECT FROM ledger_postings GROUP BY entry_id HAVING sum(amount_minor) <> 0
    ) AS unbalanced
"""
_ENTRIES = "SELECT kind, count(*) FROM ledger_entries GROUP BY kind"


def verify(servers: Servers, database: str, refunds: int) -> None:
    """Fail unless exactly so many refunds are repaid, deducted and booked, to the cent."""
    with psycopg.connect(servers.database_url(database)) as connection:
        states: dict[str, int] = dict(connection.execute(_STATES).fetchall())
        assert states == {"deducted": refunds}, f"{refunds} requested, but refunds are {states}"
        row = connection.execute(_SUMS).fetchone()
        assert row is not None
        count, deducted, provider, refunded, of_captures, reserved = map(int, row)
        assert count == refunds, f"{count} deductions of {refunds} refunds"
        assert deducted == provider == refunded == of_captures > 0, (
            f"deducted {deducted}, provider paid {provider}, refunds {refunded}, "
            f"of captures {of_captures} minor units"
        )
        assert reserved == 0, f"{reserved} minor units are still reserved"
        assert connection.execute(_UNBALANCED).fetchone() == (0,), "the ledger is out of balance"
        entries: dict[str, int] = dict(connection.execute(_ENTRIES).fetchall())
        assert entries.get("repayment") == entries.get("deduction") == refunds, entries
