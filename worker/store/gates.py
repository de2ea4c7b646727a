"""Gates of providers by merchant: read, lock, write. A healthy one without limit has no row.

Locked in the order of their keys, after orders and payouts.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from models.tables.gates import provider_gates
from models.values.gates import Gate, GateKey
from worker.arrays import execute
from worker.store.setwise import insert_rows

_KEYS = """
    JOIN unnest(CAST(:providers AS text[]), CAST(:merchants AS text[])) AS k(provider, merchant_id)
      ON g.provider = k.provider AND g.merchant_id = k.merchant_id
"""

_LOCK = text(f"""
    SELECT g.provider, g.merchant_id, g.failures, g.openings, g.opened_until, g.admitted_until
    FROM provider_gates g {_KEYS}
    ORDER BY g.provider, g.merchant_id FOR UPDATE OF g
""")

_NOW = text("SELECT clock_timestamp()")


def lock_gates(
    connection: Connection, keys: Collection[GateKey], create: Collection[GateKey] = ()
) -> tuple[dict[GateKey, Gate], datetime]:
    """Lock the gates of these keys, and give the database's time after that.

    Those in `create` are made where there are none, so that they can be locked.
    """
    if create:
        insert_rows(
            connection,
            provider_gates,
            ("provider", "merchant_id"),
            sorted(create),
            tail="ON CONFLICT (provider, merchant_id) DO NOTHING",
        )
    rows = execute(connection, _LOCK, _bound(sorted(keys))).all()
    now = connection.execute(_NOW).scalar_one()
    return {(row[0], row[1]): Gate(*row[2:]) for row in rows}, now


_WRITE = text("""
    INSERT INTO provider_gates AS g (provider, merchant_id, failures, openings, opened_until,
                                     admitted_until, changed_at)
    SELECT u.provider, u.merchant_id, u.failures, u.openings, u.opened_until, u.admitted_until,
           now()
    FROM unnest(CAST(:providers AS text[]), CAST(:merchants AS text[]), CAST(:failures AS int[]),
                CAST(:openings AS int[]), CAST(:opened AS timestamptz[]),
                CAST(:admitted AS timestamptz[]))
      AS u(provider, merchant_id, failures, openings, opened_until, admitted_until)
    ON CONFLICT (provider, merchant_id) DO UPDATE SET
        failures = EXCLUDED.failures, openings = EXCLUDED.openings,
        opened_until = EXCLUDED.opened_until, admitted_until = EXCLUDED.admitted_until,
        changed_at = now()
""")

_FORGET = text("""
    DELETE FROM provider_gates g
    USING unnest(CAST(:providers AS text[]), CAST(:merchants AS text[])) AS k(provider, merchant_id)
    WHERE g.provider = k.provider AND g.merchant_id = k.merchant_id
""")


def write_gates(connection: Connection, gates: Mapping[GateKey, Gate]) -> None:
    """Write locked (or new) gates; one that holds nothing is forgotten."""
    kept = {key: gate for key, gate in sorted(gates.items()) if gate != Gate()}
    if kept:
        execute(
            connection,
            _WRITE,
            {
                **_bound(list(kept)),
                "failures": [gate.failures for gate in kept.values()],
                "openings": [gate.openings for gate in kept.values()],
                "opened": [gate.opened_until for gate in kept.values()],
                "admitted": [gate.admitted_until for gate in kept.values()],
            },
        )
    forgotten = [key for key in gates if key not in kept]
    if forgotten:
        execute(connection, _FORGET, _bound(forgotten))


def _bound(keys: list[GateKey]) -> dict[str, list[str]]:
    return {"providers": [key[0] for key in keys], "merchants": [key[1] for key in keys]}
