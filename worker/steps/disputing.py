"""Disputes: while one is open its refunds wait, so that refund and chargeback never both pay.

Sources: Stripe (`charge_for_pending_refund_disputed`: do not refund again), PayPal
(`TRANSACTION_DISPUTED`), Klarna (`REVERSAL`: a refund by Klarna in a dispute).
"""

from collections import defaultdict
from uuid import UUID

from sqlalchemy import Connection

from models.messages.instructions import DisputeClosedV1, DisputeOpenedV1
from models.messages.parsing import fingerprint
from models.messages.refunds import CHARGEBACK_KEY_PREFIX, RefundRequestV1
from models.values.orders import Acceptance
from models.values.policies import Circumstances
from models.values.refusals import Refusal, RefusalCode
from models.values.repayments import Outcome, OutcomeKind
from models.values.states import (
    DisputeOutcome,
    DisputeState,
    HoldKind,
    RefundKind,
    RepaymentKind,
    Topic,
)
from worker.errors import RefundWorkerError
from worker.rules.eligibility import decide
from worker.rules.spreading import money_left
from worker.steps.drafting import Batch, add_acceptance, store_batch
from worker.steps.recording import finish, record_in, to_record
from worker.steps.releasing import cancel_repayments, is_unsent, let_go_on
from worker.store import books, disputes, holds, orders, outbox, standing

CHARGED_BACK = "charged_back"
BY_DISPUTE = "dispute"


class ChargebackRefusedError(RefundWorkerError):
    """The rules refuse to take what is left: a fault of ours. The dispute stays open."""


class Opened:
    """`disputes.opened`: hold what is not sent, and tell of what is."""

    def find_order(self, connection: Connection, message: DisputeOpenedV1) -> int | Refusal:
        """The disputed order."""
        key = message.merchant_id, message.order_id
        found = orders.find_orders(connection, [key])
        if key in found:
            return found[key].pk
        return Refusal(
            RefusalCode.ORDER_NOT_FOUND, f"no captured order {message.order_id!r}", "order_id"
        )

    def follow(
        self, connection: Connection, message: DisputeOpenedV1, order: orders.OrderRow
    ) -> Refusal | None:
        """Open the dispute."""
        capture_pk = None
        if message.capture_id is not None:
            capture_pk = disputes.find_capture(connection, order.pk, message.capture_id)
            if capture_pk is None:
                return Refusal(
                    RefusalCode.CAPTURE_NOT_FOUND,
                    f"order {order.order_id!r} has no capture {message.capture_id!r}",
                    "capture_id",
                )
        dispute_pk = disputes.insert_dispute(
            connection,
            message.merchant_id,
            message.dispute_id,
            order.pk,
            capture_pk,
            message.amount_minor,
            message.opened_at,
        )
        if dispute_pk is None:
            return Refusal(
                RefusalCode.DISPUTE_NOT_OPEN,
                f"dispute {message.dispute_id!r} was opened before",
                "dispute_id",
            )
        self._hold(connection, message, order.pk, capture_pk, dispute_pk)
        return None

    def _hold(
        self,
        connection: Connection,
        message: DisputeOpenedV1,
        order_pk: int,
        capture_pk: int | None,
        dispute_pk: int,
    ) -> None:
        unsent: dict[UUID, list[UUID]] = defaultdict(list)
        sent: dict[UUID, int] = defaultdict(int)
        for one in disputes.lock_concerned(connection, order_pk, capture_pk):
            if is_unsent(one.state):
                unsent[one.refund_id].append(one.repayment_id)
            else:
                sent[one.refund_id] += one.amount_minor
        events = []
        for refund_id, repayment_ids in unsent.items():
            standing.hold(connection, refund_id, repayment_ids)
            payload = {"refund_id": str(refund_id), "holds": [str(HoldKind.DISPUTE)]}
            events.append(outbox.Event(Topic.HELD, message.merchant_id, refund_id, payload))
        for refund_id, amount in sent.items():
            told = {
                "refund_id": str(refund_id),
                "dispute_id": message.dispute_id,
                "sent_minor": amount,
            }
            events.append(outbox.Event(Topic.DISPUTED, message.merchant_id, refund_id, told))
        holds.insert_holds(
            connection, [(refund_id, str(HoldKind.DISPUTE), dispute_pk) for refund_id in unsent]
        )
        outbox.insert_events(connection, events)


class Closed:
    """`disputes.closed`: won, and refunds go on; lost, and the chargeback takes their place."""

    def find_order(self, connection: Connection, message: DisputeClosedV1) -> int | Refusal:
        """The order of the dispute."""
        found = disputes.find_dispute(connection, message.merchant_id, message.dispute_id)
        if found is not None:
            return found.order_pk
        return Refusal(
            RefusalCode.DISPUTE_NOT_FOUND, f"no dispute {message.dispute_id!r}", "dispute_id"
        )

    def follow(
        self, connection: Connection, message: DisputeClosedV1, order: orders.OrderRow
    ) -> Refusal | None:
        """Close the dispute."""
        dispute = disputes.find_dispute(connection, message.merchant_id, message.dispute_id)
        if dispute is None or dispute.state != DisputeState.OPEN:
            return Refusal(
                RefusalCode.DISPUTE_NOT_OPEN,
                f"dispute {message.dispute_id!r} is closed already",
                "dispute_id",
            )
        held = holds.held_by_dispute(connection, dispute.pk)
        if message.outcome is DisputeOutcome.WON:
            disputes.close_dispute(connection, dispute.pk, DisputeState.WON, message.closed_at)
        else:
            self._cancel(connection, order, dispute, held)
            amount = message.amount_minor or dispute.amount_minor
            taken = _charge_back(connection, message, order, dispute, amount)
            disputes.close_dispute(
                connection,
                dispute.pk,
                DisputeState.LOST,
                message.closed_at,
                refund_id=taken.refund_id if taken else None,
                paid_twice_minor=amount - (taken.amount_minor if taken else 0),
            )
        holds.release_holds(
            connection, held, [HoldKind.DISPUTE], by=BY_DISPUTE, dispute_pk=dispute.pk
        )
        let_go_on(connection, order.merchant_id, held)
        return None

    def _cancel(
        self,
        connection: Connection,
        order: orders.OrderRow,
        dispute: disputes.StoredDispute,
        held: list[UUID],
    ) -> None:
        """The bank has paid: what waited for the dispute is not paid too."""
        unsent: dict[UUID, list[UUID]] = defaultdict(list)
        for one in disputes.lock_concerned(connection, order.pk, dispute.capture_pk):
            if one.refund_id in held and is_unsent(one.state):
                unsent[one.refund_id].append(one.repayment_id)
        for refund_id, repayment_ids in unsent.items():
            whole = cancel_repayments(
                connection, order.merchant_id, refund_id, repayment_ids, CHARGED_BACK, BY_DISPUTE
            )
            if not whole:
                # The rest of it goes on, or has ended already.
                holds.release_holds(
                    connection,
                    [refund_id],
                    [HoldKind.DISPUTE],
                    by=BY_DISPUTE,
                    dispute_pk=dispute.pk,
                )
                let_go_on(connection, order.merchant_id, [refund_id])
                finish(connection, repayment_ids)


def _charge_back(
    connection: Connection,
    message: DisputeClosedV1,
    order: orders.OrderRow,
    dispute: disputes.StoredDispute,
    amount_minor: int,
) -> Acceptance | None:
    """Take of the order what the bank has paid back, as a refund that no provider is called for.

    So no later refund can pay it again, and ledger, credit records and payouts tell of it. At most
    what is left is taken: the rest had been refunded already, and is paid twice.
    """
    key = order.merchant_id, order.order_id
    book = books.read_books(connection, [order], {key}, ()).by_order[key]
    capture_id = next(
        (one.capture_id for one in book.captures if one.pk == dispute.capture_pk), None
    )
    left = money_left(book, capture_id, fees=True)
    if left <= 0:
        return None
    taken = min(amount_minor, left)
    request = RefundRequestV1.model_construct(
        merchant_id=order.merchant_id,
        idempotency_key=CHARGEBACK_KEY_PREFIX + message.dispute_id,
        order_id=order.order_id,
        kind=RefundKind.AMOUNT,
        amount_minor=taken,
        capture_id=capture_id,
        reference=message.dispute_id,
    )
    verdict = decide(request.to_ask(), book, Circumstances(order.read_at))
    if not isinstance(verdict, Acceptance):
        raise ChargebackRefusedError(verdict.message)
    batch = Batch()
    add_acceptance(
        batch, request, fingerprint(message), book, verdict, kind=RepaymentKind.CHARGEBACK
    )
    store_batch(connection, batch)
    outcome = Outcome(OutcomeKind.SETTLED, CHARGED_BACK, evidence={"dispute": message.dispute_id})
    record_in(connection, [to_record(claim, outcome) for claim in batch.claims])
    return verdict
