"""The checker itself: a clean result is clean, and each planted fault is found by its name."""

import ast
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

import chaos.checking
from chaos.asking import draw_requests
from chaos.checking import Verdict, check, findings
from chaos.checking.submitted import Submitted, collect
from chaos.orders import draw_orders
from models.messages.captures import CaptureRecordV1
from models.messages.names import CAPTURES_RECORD, REFUNDS_REQUEST
from models.messages.refunds import RefundRequestV1
from models.values.repayments import News
from models.values.states import NewsKind
from tests.chaos.planted import PLANTED
from tests.conftest import TEMPLATE
from worker.database import dispose_engines
from worker.queue.envelopes import Envelope
from worker.settings import settings
from worker.steps.capturing import record_captures
from worker.steps.closing import close_payout
from worker.steps.handling import handle_requests
from worker.steps.hearing import hear_news
from worker.steps.unpacking import handle_envelopes

CHECKING = Path(chaos.checking.__file__).parent
ORDERS, REQUESTS = 30, 120
Entries = list[dict[str, Any]]


@pytest.fixture(scope="module")
def played(template: str) -> Iterator[tuple[str, Entries]]:
    """A database in which drawn requests were handled without a fault, and the list of them."""
    name = f"chaos_{os.getpid()}"
    url = make_url(template).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(template, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy".encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        settings.cache_clear()
        yield url, _play(url)
        dispose_engines()
    settings.cache_clear()
    with psycopg.connect(template, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _play(url: str) -> Entries:
    chance = random.Random(5)
    orders = list(draw_orders(chance, ORDERS))
    captures = [body for order in orders for body in order.captures]
    requests = sorted(draw_requests(chance, orders, REQUESTS), key=lambda one: one.when)
    record = [Envelope(str(n), body) for n, body in enumerate(captures)]
    handle_envelopes(CAPTURES_RECORD, CaptureRecordV1, record_captures, record)
    for number, one in enumerate(requests):
        envelope = Envelope(str(number), one.body)
        handle_envelopes(REFUNDS_REQUEST, RefundRequestV1, handle_requests, [envelope])
    with psycopg.connect(url, autocommit=True) as connection:
        reversed_ = connection.execute(
            "UPDATE sandbox.movements SET state = 'reversed' WHERE key IN"
            " (SELECT key FROM sandbox.movements ORDER BY key LIMIT 3) RETURNING key"
        ).fetchall()
        hear_news(
            [
                News(provider="sandbox", event_id=f"e-{key}", kind=NewsKind.REVERSED, key=key)
                for (key,) in reversed_
            ]
        )
        payouts = connection.execute("SELECT merchant_id, currency FROM payouts").fetchall()
        for merchant_id, currency in payouts[::2]:
            close_payout(merchant_id, currency)
        # Events are relayed to Redis, which is not here.
        connection.execute("DELETE FROM outbox")
    told = [{"nature": "capture", "body": body} for body in captures]
    told += [{"nature": one.nature, "body": one.body} for one in requests]
    # As it is read from the file.
    entries: Entries = json.loads(json.dumps(told))
    return entries


def judge(
    played: tuple[str, Entries],
    *statements: str,
    submit: Callable[[Entries], Entries] = lambda entries: entries,
) -> Verdict:
    """The verdict after planting a fault past all guards; the fault is undone."""
    url, entries = played
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            done = connection.execute(statement.encode())
            assert done.rowcount != 0, statement
        verdict = check(connection, collect(submit(list(entries))))
        connection.rollback()
    return verdict


def found(verdict: Verdict) -> set[str]:
    return {name for name in findings.MUST_BE_ZERO if verdict.findings.count(name)}


def test_what_went_well_is_clean(played: tuple[str, Entries]) -> None:
    verdict = judge(played)
    assert verdict.is_clean, list(verdict.lines())
    assert verdict.figures["requests submitted"] >= REQUESTS
    assert verdict.figures["refunds deducted"] > REQUESTS // 2
    assert verdict.figures["parked"] == verdict.figures["  of these malformed"] > 0
    assert verdict.figures["movements reversed"] == 3
    json.dumps(verdict.as_json())


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(played: tuple[str, Entries], name: str) -> None:
    expected, statements = PLANTED[name]
    verdict = judge(played, *statements.split(";"))
    assert expected in found(verdict)
    assert not verdict.is_clean
    assert any(line.startswith(f"{expected}: ") for line in verdict.lines())


def _and_one_more(entries: Entries) -> Entries:
    body = {"merchant_id": "merchant-1", "idempotency_key": "k", "order_id": "o", "kind": "full"}
    return [*entries, {"nature": "request", "body": body}]


def _without_first_accepted(entries: Entries) -> Entries:
    first = next(one for one in entries if one["nature"] == "request")
    key = first["body"]["idempotency_key"]
    return [one for one in entries if one["body"].get("idempotency_key") != key]


def _with_smaller_captures(entries: Entries) -> Entries:
    shrunk: Entries = json.loads(json.dumps(entries))
    for one in shrunk:
        for line in one["body"].get("lines", []) if one["nature"] == "capture" else ():
            line["total_amount_minor"] //= 10
    return shrunk


@pytest.mark.parametrize(
    ("submit", "expected"),
    [
        (_and_one_more, findings.LOST),
        (_without_first_accepted, findings.UNASKED),
        (_with_smaller_captures, findings.OVER_CAPTURED),
        (_with_smaller_captures, findings.ALTERED),
    ],
)
def test_the_list_counts_and_not_what_is_stored(
    played: tuple[str, Entries], submit: Callable[[Entries], Entries], expected: str
) -> None:
    assert expected in found(judge(played, submit=submit))


@pytest.mark.parametrize("path", sorted(CHECKING.glob("*.py")), ids=lambda path: path.name)
def test_the_checker_takes_nothing_from_what_it_checks(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {name.split(".")[0] for name in imported} & {"worker", "models", "tasks"}


def test_an_empty_result_has_lost_everything(played: tuple[str, Entries]) -> None:
    _, entries = played
    submitted: Submitted = collect(entries)
    verdict = judge(
        played,
        "TRUNCATE refund_requests, refunds, repayments, refund_lines, attempts, deductions,"
        " holds, disputes, cases, case_events, provider_news, credit_records, credit_taxes,"
        " refused_messages, parked_messages, sandbox.movements",
    )
    messages = sum(len(of_key) for of_key in submitted.requests.values())
    assert verdict.findings.count(findings.LOST) == messages
