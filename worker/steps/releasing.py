"""Approve, deny and cancel refunds, and let them go on when the goods are back."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from models.messages.instructions import RefundInstruction
from models.values.refusals import Refusal, RefusalCode
from models.values.states import (
    UNSENT_REPAYMENT_STATES,
    HoldKind,
    RefundState,
    RepaymentState,
    Topic,
)
from worker.rules.releasing import RefundStanding, may_cancel, may_deny, may_release
from worker.store import captures, holds, outbox, standing
from worker.store.orders import OrderRow

DENIED = "denied"
CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class _OfRefund:
    """An instruction that names a refund."""

    def find_order(self, connection: Connection, message: RefundInstruction) -> int | Refusal:
        """The order of the refund, if it is the merchant's."""
        found = standing.orders_of_refunds(connection, message.merchant_id, [message.refund_id])
        if message.refund_id in found:
            return found[message.refund_id]
        return Refusal(RefusalCode.REFUND_NOT_FOUND, f"no refund {message.refund_id}", "refund_id")


@dataclass(frozen=True, slots=True)
class Release(_OfRefund):
    """Release a hold: the refund goes on if it was the last."""

    kind: HoldKind

    def follow(
        self, connection: Connection, message: RefundInstruction, order: OrderRow
    ) -> Refusal | None:
        """Release the hold, unless the refund waits for something else."""
        refund, _ = read_standing(connection, message.refund_id)
        refusal = may_release(refund, self.kind, message.by)
        if refusal is None:
            refund_ids = [message.refund_id]
            holds.release_holds(
                connection, refund_ids, [self.kind], by=message.by, note=message.note
            )
            let_go_on(connection, order.merchant_id, refund_ids)
        return refusal


@dataclass(frozen=True, slots=True)
class GiveUp(_OfRefund):
    """Deny or cancel a refund: what it reserved is free again."""

    code: str

    def follow(
        self, connection: Connection, message: RefundInstruction, order: OrderRow
    ) -> Refusal | None:
        """Cancel all of the refund, unless its provider has been called."""
        refund, repayments = read_standing(connection, message.refund_id)
        refusal = may_deny(refund) if self.code == DENIED else may_cancel(refund)
        if refusal is None:
            cancel_repayments(
                connection,
                order.merchant_id,
                message.refund_id,
                list(repayments),
                self.code,
                message.by,
            )
        return refusal


def read_standing(
    connection: Connection, refund_id: UUID
) -> tuple[RefundStanding, dict[UUID, RepaymentState]]:
    """Where a refund stands, with its repayments locked. The order is locked by the caller."""
    state, requested_by = standing.read_refund(connection, refund_id)
    repayments = {
        repayment_id: RepaymentState(one)
        for repayment_id, one in standing.lock_repayments(connection, refund_id).items()
    }
    placed = {HoldKind(kind) for kind in holds.placed_holds(connection, refund_id)}
    refund = RefundStanding(
        refund_id, RefundState(state), requested_by, placed, list(repayments.values())
    )
    return refund, repayments


def let_go_on(connection: Connection, merchant_id: str, refund_ids: Sequence[UUID]) -> None:
    """Let refunds go on that wait for nothing more, and tell of it."""
    outbox.insert_events(
        connection,
        [
            outbox.Event(Topic.RELEASED, merchant_id, refund_id, {"refund_id": str(refund_id)})
            for refund_id in standing.go_on(connection, refund_ids)
        ],
    )


def cancel_repayments(
    connection: Connection,
    merchant_id: str,
    refund_id: UUID,
    repayment_ids: Sequence[UUID],
    code: str,
    by: str,
) -> bool:
    """Cancel repayments that are not sent, and give back what they reserved.

    Gives whether all of the refund is cancelled by that; it then waits for nothing more.
    """
    captures.release(connection, repayment_ids)
    cancelled = standing.cancel(connection, refund_id, repayment_ids, code, by)
    if cancelled:
        holds.release_holds(connection, [refund_id], list(HoldKind), by=by, note=code)
        payload = {"refund_id": str(refund_id), "code": code}
        outbox.insert_events(
            connection, [outbox.Event(Topic.CANCELLED, merchant_id, refund_id, payload)]
        )
    return cancelled


def is_unsent(state: str) -> bool:
    """Whether a repayment in this state is surely not executed."""
    return RepaymentState(state) in UNSENT_REPAYMENT_STATES
