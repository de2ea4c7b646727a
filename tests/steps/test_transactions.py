"""Transactions: run again where that is safe, and never blamed on a message."""

import psycopg
import pytest
from sqlalchemy import Connection, text

from models.messages.names import REFUNDS_REQUEST
from models.messages.refunds import RefundRequestV1
from tests.building import record, request
from tests.steps.test_handling import rows
from worker import database as db
from worker.errors import DatabaseUnavailableError
from worker.queue.envelopes import Envelope
from worker.rules.eligibility import decide
from worker.steps import deciding
from worker.steps.handling import handle_requests
from worker.steps.unpacking import handle_envelopes


def test_a_connection_cut_in_the_middle_is_made_anew(database: str) -> None:
    cuts: list[int] = []

    def work(connection: Connection) -> int:
        if not cuts:
            cuts.append(1)
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return int(connection.execute(text("SELECT 7")).scalar_one())

    assert db.transact(work) == 7


def test_a_lock_that_is_held_for_long_is_no_fault_of_the_message(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is kept and tried again; nothing is parked."""
    record()
    monkeypatch.setattr(db, "TRIES_MAX", 2)
    body = request().model_dump(mode="json", exclude_defaults=True)
    envelopes = [Envelope("1", body)]
    with psycopg.connect(database) as blocker:
        blocker.execute("SELECT * FROM orders FOR UPDATE")
        db.dispose_engines()
        monkeypatch.setattr(db, "SESSION_OPTIONS", "-c lock_timeout=100ms")
        with pytest.raises(DatabaseUnavailableError):
            handle_envelopes(REFUNDS_REQUEST, RefundRequestV1, handle_requests, envelopes)
    assert rows("SELECT count(*) FROM parked_messages") == [(0,)]
    lines = handle_envelopes(REFUNDS_REQUEST, RefundRequestV1, handle_requests, envelopes)
    assert lines[0].startswith("accepted ")


def test_one_message_that_cannot_be_handled_is_parked_and_the_others_are_handled(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record()

    def broken(ask: object, book: object, around: object) -> object:
        if getattr(ask, "idempotency_key", "") == "bad":
            raise ZeroDivisionError("a bug")
        return decide(ask, book, around)  # type: ignore[arg-type]  # passed on as they are

    monkeypatch.setattr(deciding, "decide", broken)
    envelopes = [
        Envelope(key, request(key).model_dump(mode="json", exclude_defaults=True))
        for key in ("a", "bad", "b")
    ]
    lines = handle_envelopes(REFUNDS_REQUEST, RefundRequestV1, handle_requests, envelopes)
    assert [line.split()[0] for line in lines] == ["accepted", "parked", "accepted"]
    assert rows("SELECT code, idempotency_key FROM parked_messages") == [("internal_error", "bad")]


def test_a_message_that_no_check_gets_through_is_parked_and_its_batch_goes_on(
    database: str,
) -> None:
    record()
    deep: object = "x"
    for _ in range(5_000):
        deep = [deep]
    envelopes = [
        Envelope("deep", {"merchant_id": "m", "kind": deep, "lines": deep}),
        Envelope(
            "year",
            request("y").model_dump(mode="json") | {"requested_at": "0001-01-01T00:00:00+14:00"},
        ),
        Envelope("a", request("a").model_dump(mode="json", exclude_defaults=True)),
    ]
    lines = handle_envelopes(REFUNDS_REQUEST, RefundRequestV1, handle_requests, envelopes)
    assert [line.split()[0] for line in lines] == ["parked", "parked", "accepted"]
    assert rows("SELECT count(*) FROM parked_messages") == [(2,)]
