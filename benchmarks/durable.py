"""The same refund as a three-step durable workflow on DBOS: what an engineer would pick instead.

Accept (transaction), repay (the provider's book), deduct (transaction), written with SQLAlchemy
Core on the refund worker's own tables, constraints and triggers, so that the outcome is verified
alike. It writes less than the worker does: no attempts, no outbox, no leases. The steps are plain
`DBOS.step`s that unique keys make repeatable, which is faster than DBOS's own transaction steps
(those read and write a checkpoint more).

`python -m benchmarks.durable MODE PART PARTS COUNT` is one executor: it says `ready`, waits for a
line, works, says `done`. MODE `direct` starts its part of the workflows from threads; `queue` takes
whatever is on the DBOS queue.
"""

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, ParamSpec, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetWorkflowID
from sqlalchemy.dialects.postgresql import insert

from benchmarks.workflows import APPLICATION, QUEUE, VERSION, WORKFLOW
from benchmarks.workload import Request, requests
from models.messages.parsing import parse
from models.messages.refunds import RefundRequestV1
from models.tables.captures import captured_lines, captures
from models.tables.payouts import deductions, payouts
from models.tables.refunds import refund_lines, refund_requests, refunds
from models.tables.repayments import repayments
from models.tables.sandbox import movements
from models.values.identifiers import provider_key_of, repayment_id_of
from models.values.orders import Acceptance
from models.values.policies import Circumstances
from worker.rules import postings
from worker.rules.eligibility import decide
from worker.store import books, ledger, orders

P = ParamSpec("P")
R = TypeVar("R")

POLLING_SECONDS = 0.05
# More threads an executor were slower.
THREADS = 2

_engine = sa.create_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1),
    pool_size=THREADS,
)


def _step(function: Callable[P, R]) -> Callable[P, R]:
    return cast("Callable[P, R]", DBOS.step()(function))


@_step
def accept(body: Request) -> dict[str, Any]:
    """Decide on the request and reserve its money."""
    request = parse(RefundRequestV1, body)
    key = request.merchant_id, request.order_id
    with _engine.begin() as connection:
        order = orders.lock_orders(connection, {key})[key]
        line_ids = {line.line_id for line in request.lines}
        book = books.read_books(connection, [order], set(), line_ids).by_order[key]
        verdict = decide(request.to_ask(), book, Circumstances(order.read_at))
        assert isinstance(verdict, Acceptance), verdict
        share = verdict.shares[0]
        portion = share.lines[0].portion
        repayment_id = repayment_id_of(verdict.refund_id, share.capture_pk)
        provider_key = provider_key_of(repayment_id, 1)
        stored = connection.execute(
            insert(refunds)
            .values(
                id=verdict.refund_id,
                order_pk=order.pk,
                merchant_id=order.merchant_id,
                currency=order.currency,
                kind=str(request.kind),
                state="accepted",
                amount_minor=verdict.amount_minor,
                reason=request.reason,
                requested_at=request.requested_at,
            )
            .on_conflict_do_nothing()
        )
        accepted = {
            "merchant_id": order.merchant_id,
            "currency": order.currency,
            "refund_id": str(verdict.refund_id),
            "repayment_id": str(repayment_id),
            "provider_key": provider_key,
            "capture_pk": share.capture_pk,
            "capture_id": book.capture(share.capture_pk).capture_id,
            "line_pk": share.lines[0].line_pk,
            "amount_minor": share.amount_minor,
        }
        if stored.rowcount == 0:
            return accepted
        connection.execute(
            sa.insert(refund_requests).values(
                merchant_id=order.merchant_id,
                idempotency_key=request.idempotency_key,
                order_id=order.order_id,
                fingerprint=b"",
                body=body,
                decision="accepted",
                refund_id=verdict.refund_id,
            )
        )
        lines = captured_lines.c
        connection.execute(
            sa.update(captured_lines)
            .where(lines.id == share.lines[0].line_pk)
            .values(
                reserved_quantity=lines.reserved_quantity + portion.quantity,
                reserved_amount_minor=lines.reserved_amount_minor + portion.amount_minor,
                reserved_tax_minor=lines.reserved_tax_minor + portion.tax_minor,
                reserved_discount_minor=lines.reserved_discount_minor + portion.discount_minor,
            )
        )
        connection.execute(
            sa.update(captures)
            .where(captures.c.id == share.capture_pk)
            .values(
                reserved_minor=captures.c.reserved_minor + share.amount_minor,
                cash_minor=captures.c.cash_minor + share.cash_minor,
            )
        )
        connection.execute(
            sa.insert(repayments).values(
                id=repayment_id,
                refund_id=verdict.refund_id,
                capture_pk=share.capture_pk,
                provider=share.provider,
                amount_minor=share.amount_minor,
                cash_minor=share.cash_minor,
                provider_key=provider_key,
                state="unknown",
                attempts=1,
                fence=1,
                next_attempt_at=datetime.now(UTC) + timedelta(seconds=90),
                first_sent_at=datetime.now(UTC),
            )
        )
        connection.execute(
            sa.insert(refund_lines).values(
                repayment_id=repayment_id,
                line_pk=share.lines[0].line_pk,
                quantity=portion.quantity,
                amount_minor=portion.amount_minor,
                tax_minor=portion.tax_minor,
                discount_minor=portion.discount_minor,
            )
        )
        return accepted


@_step
def repay(accepted: dict[str, Any]) -> str:
    """Have the provider pay: one movement in its book."""
    number = f"sb_{accepted['provider_key']}"
    with _engine.begin() as connection:
        connection.execute(
            insert(movements)
            .values(
                key=accepted["provider_key"],
                number=number,
                merchant_id=accepted["merchant_id"],
                reference=accepted["refund_id"],
                capture_reference=accepted["capture_id"],
                currency=accepted["currency"],
                amount_minor=accepted["amount_minor"],
                state="settled",
            )
            .on_conflict_do_nothing()
        )
    return number


@_step
def deduct(accepted: dict[str, Any], number: str) -> None:
    """Settle the repayment, deduct the refund from the payout and book both."""
    refund_id, amount_minor = UUID(accepted["refund_id"]), accepted["amount_minor"]
    merchant_id, currency = accepted["merchant_id"], accepted["currency"]
    with _engine.begin() as connection:
        settled = connection.execute(
            sa.update(repayments)
            .where(repayments.c.id == UUID(accepted["repayment_id"]))
            .where(repayments.c.state == "unknown")
            .values(
                state="settled",
                provider_refund_id=number,
                next_attempt_at=None,
                finished_at=sa.func.now(),
            )
        )
        if settled.rowcount == 0:
            return
        _settle_captured(connection, accepted)
        connection.execute(
            sa.update(refunds)
            .where(refunds.c.id == refund_id)
            .values(state="deducted", settled_minor=amount_minor, finished_at=sa.func.now())
        )
        payout_id = connection.execute(
            sa.select(payouts.c.id)
            .where(payouts.c.merchant_id == merchant_id, payouts.c.currency == currency)
            .where(payouts.c.state == "open")
            .with_for_update(read=True)
        ).scalar_one()
        connection.execute(
            sa.insert(deductions).values(
                refund_id=refund_id, kind="refund", payout_id=payout_id, amount_minor=amount_minor
            )
        )
        ledger.post(
            connection,
            [
                postings.repayment(
                    accepted["repayment_id"], merchant_id, currency, amount_minor, amount_minor
                ),
                postings.deduction(refund_id, merchant_id, currency, amount_minor),
            ],
        )


def _settle_captured(connection: sa.Connection, accepted: dict[str, Any]) -> None:
    taken, lines = refund_lines.c, captured_lines.c
    connection.execute(
        sa.update(captured_lines)
        .where(lines.id == accepted["line_pk"])
        .where(taken.repayment_id == UUID(accepted["repayment_id"]), taken.line_pk == lines.id)
        .values(
            {
                f"{total}_{what}": lines[f"{total}_{what}"] + sign * taken[what]
                for total, sign in (("reserved", -1), ("refunded", 1))
                for what in ("quantity", "amount_minor", "tax_minor", "discount_minor")
            }
        )
    )
    amount_minor = accepted["amount_minor"]
    connection.execute(
        sa.update(captures)
        .where(captures.c.id == accepted["capture_pk"])
        .values(
            reserved_minor=captures.c.reserved_minor - amount_minor,
            refunded_minor=captures.c.refunded_minor + amount_minor,
        )
    )


def _refund(body: Request) -> None:
    accepted = accept(body)
    deduct(accepted, repay(accepted))


workflow = cast("Callable[[Request], None]", DBOS.workflow(name=WORKFLOW)(_refund))


def _run_directly(body: Request) -> None:
    with SetWorkflowID(body["idempotency_key"]):
        workflow(body)


def main(mode: str, part: int, parts: int, count: int) -> None:
    """One executor."""
    config = DBOSConfig(
        name=APPLICATION,
        system_database_url=os.environ["DBOS_DATABASE_URL"],
        sys_db_pool_size=2 * THREADS,
        application_version=VERSION,
        executor_id=f"executor-{part}",
        log_level="WARNING",
        max_executor_threads=2 * THREADS,
    )
    DBOS(config=config)
    DBOS.launch()
    own = list(islice(requests(count), part, None, parts))
    print("ready", flush=True)
    sys.stdin.readline()
    if mode == "direct":
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(_run_directly, own))
    else:
        DBOS.register_queue(QUEUE, worker_concurrency=THREADS, polling_interval_sec=POLLING_SECONDS)
        while DBOS.list_workflows(status=["ENQUEUED", "PENDING"], limit=1):
            time.sleep(0.5)
    print("done", flush=True)
    sys.stdin.readline()
    DBOS.destroy()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
