"""The ledger: post balanced entries. Nothing here updates or deletes."""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from models.tables.ledger import ledger_accounts
from models.values.booking import Entry
from worker.arrays import execute
from worker.store.setwise import insert_rows

AccountKey = tuple[str, str, str]
"""merchant_id, currency, code"""

_ACCOUNTS = text("""
    SELECT a.merchant_id, a.currency, a.code, a.id FROM ledger_accounts a
    JOIN unnest(CAST(:merchants AS text[]), CAST(:currencies AS text[]), CAST(:codes AS text[]))
      AS k(merchant_id, currency, code)
      ON a.merchant_id = k.merchant_id AND a.currency = k.currency AND a.code = k.code
""")

# Entries and postings go in by one statement: the triggers check both at its end.
_POST = text("""
    WITH posted AS (
        INSERT INTO ledger_entries (kind, source, currency)
        SELECT kind, source, currency
        FROM unnest(CAST(:kinds AS text[]), CAST(:sources AS text[]), CAST(:currencies AS text[]))
          AS e(kind, source, currency)
        ON CONFLICT (source, kind) DO NOTHING
        RETURNING id, kind, source
    )
    INSERT INTO ledger_postings (entry_id, account_id, amount_minor)
    SELECT posted.id, p.account_id, p.amount_minor
    FROM unnest(CAST(:posting_kinds AS text[]), CAST(:posting_sources AS text[]),
                CAST(:account_ids AS bigint[]), CAST(:amounts AS bigint[]))
      AS p(kind, source, account_id, amount_minor)
    JOIN posted ON posted.kind = p.kind AND posted.source = p.source
""")


def post(connection: Connection, entries: Iterable[Entry | None]) -> None:
    """Post entries; one that is posted already (same source and kind) is left as it is.

    Raises:
        IntegrityError: an entry does not balance.
    """
    booked = [entry for entry in entries if entry is not None]
    if not booked:
        return
    accounts = _accounts(
        connection,
        {
            (entry.merchant_id, entry.currency, str(posting.account))
            for entry in booked
            for posting in entry.postings
        },
    )
    legs = [
        (
            str(entry.kind),
            entry.source,
            accounts[entry.merchant_id, entry.currency, str(posting.account)],
            posting.amount_minor,
        )
        for entry in booked
        for posting in entry.postings
    ]
    execute(
        connection,
        _POST,
        {
            "kinds": [str(entry.kind) for entry in booked],
            "sources": [entry.source for entry in booked],
            "currencies": [entry.currency for entry in booked],
            "posting_kinds": [leg[0] for leg in legs],
            "posting_sources": [leg[1] for leg in legs],
            "account_ids": [leg[2] for leg in legs],
            "amounts": [leg[3] for leg in legs],
        },
    )


def _accounts(connection: Connection, keys: set[AccountKey]) -> dict[AccountKey, int]:
    found = _find(connection, sorted(keys))
    missing = sorted(keys - found.keys())
    if missing:
        insert_rows(
            connection,
            ledger_accounts,
            ("merchant_id", "currency", "code"),
            missing,
            tail="ON CONFLICT (merchant_id, currency, code) DO NOTHING",
        )
        found.update(_find(connection, missing))
    return found


def _find(connection: Connection, keys: list[AccountKey]) -> dict[AccountKey, int]:
    rows = execute(
        connection,
        _ACCOUNTS,
        {
            "merchants": [key[0] for key in keys],
            "currencies": [key[1] for key in keys],
            "codes": [key[2] for key in keys],
        },
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows}
