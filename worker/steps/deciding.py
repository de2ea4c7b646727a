"""Gather what decisions on refund requests rest on, and decide: the same for real and for preview.

Requests of one order are decided one after the other, each on what the ones before it left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import Connection

from models.messages.refunds import RefundRequestV1
from models.values.orders import Acceptance, CaptureShare, OrderBook, RefundAsk
from models.values.policies import Circumstances
from models.values.refusals import Refusal
from models.values.states import HoldKind, RefundKind
from worker.policy.reading import policy_of
from worker.rules.eligibility import decide
from worker.steps.facts import facts_of
from worker.store import books as stored_books
from worker.store.orders import OrderKey, OrderRow

# An order that is not there is refused, whatever the circumstances.
NOWHERE = Circumstances(datetime(2000, 1, 1, tzinfo=UTC))

HoldRow = tuple[HoldKind, int | None]
"""What an accepted refund waits for, and the dispute's pk."""


@dataclass(slots=True)
class Deciding:
    """Books and circumstances of some orders; `decide` keeps the books up to date."""

    books: dict[OrderKey, OrderBook] = field(default_factory=dict)
    around: dict[OrderKey, Circumstances] = field(default_factory=dict)
    disputes: Mapping[int, Sequence[int]] = field(default_factory=dict)

    def decide(self, ask: RefundAsk) -> tuple[Acceptance | Refusal, OrderBook | None]:
        """The verdict, and the book that it was made on."""
        key = ask.merchant_id, ask.order_id
        book = self.books.get(key)
        verdict = decide(ask, book, self.around.get(key, NOWHERE))
        if book is not None and isinstance(verdict, Acceptance):
            self.books[key] = book.with_taken(verdict.shares)
        return verdict, book

    def hold_rows(self, acceptance: Acceptance) -> list[HoldRow]:
        """The holds to store of an acceptance: one a kind, of disputes one each."""
        rows: list[HoldRow] = []
        for kind in acceptance.holds:
            if kind is HoldKind.DISPUTE:
                rows += [(kind, pk) for pk in self._disputes_of(acceptance.shares)]
            else:
                rows.append((kind, None))
        return rows

    def _disputes_of(self, shares: Sequence[CaptureShare]) -> list[int]:
        return sorted({pk for share in shares for pk in self.disputes.get(share.capture_pk, ())})


def gather(
    connection: Connection,
    rows: Mapping[OrderKey, OrderRow],
    messages: Sequence[RefundRequestV1],
) -> Deciding:
    """What decisions on these messages rest on. The orders are locked, if it is for real.

    Raises:
        NotConfiguredError: the policy file cannot be used.
    """
    wanted = {(m.merchant_id, m.order_id) for m in messages}
    found = [row for key, row in rows.items() if key in wanted]
    read = stored_books.read_books(
        connection,
        found,
        whole={(m.merchant_id, m.order_id) for m in messages if m.kind is not RefundKind.LINES},
        line_ids={line.line_id for m in messages for line in m.lines},
    )
    around = {
        (row.merchant_id, row.order_id): _circumstances(
            row, read.by_order[row.merchant_id, row.order_id], read.disputes
        )
        for row in found
    }
    return Deciding(_counted(connection, read.by_order, around), around, read.disputes)


def _circumstances(
    row: OrderRow, book: OrderBook, disputes: Mapping[int, Sequence[int]]
) -> Circumstances:
    providers = {capture.provider for capture in book.captures}
    return Circumstances(
        row.read_at,
        policy_of(row.merchant_id, row.market, row.currency),
        {name: facts_of(name).fee_support for name in providers},
        frozenset(capture.pk for capture in book.captures if capture.pk in disputes),
    )


def _counted(
    connection: Connection,
    books: Mapping[OrderKey, OrderBook],
    around: Mapping[OrderKey, Circumstances],
) -> dict[OrderKey, OrderBook]:
    """The books with the number of their refunds, where a policy limits it."""
    limited = {books[key].pk for key, one in around.items() if one.policy.refunds_max is not None}
    counts = stored_books.count_refunds(connection, limited)
    return {
        key: replace(book, refund_count=counts[book.pk]) if book.pk in counts else book
        for key, book in books.items()
    }
