"""Payments that arrive later: what a customer pays of an invoice that was not paid at first."""

from sqlalchemy import Connection

from models.messages.instructions import CapturePaymentV1
from models.values.refusals import Refusal, RefusalCode
from worker.rules import postings
from worker.steps.overpaid import repay_overpaid
from worker.store import ledger, payments
from worker.store.orders import OrderRow


class Paid:
    """`captures.payment`: less is owed; what was owed no longer goes back."""

    def find_order(self, connection: Connection, message: CapturePaymentV1) -> int | Refusal:
        """The order of the capture that is paid."""
        found = payments.find_capture(connection, message.merchant_id, message.capture_id)
        if found is not None:
            return found.order_pk
        return Refusal(
            RefusalCode.CAPTURE_NOT_FOUND, f"no capture {message.capture_id!r}", "capture_id"
        )

    def follow(
        self, connection: Connection, message: CapturePaymentV1, order: OrderRow
    ) -> Refusal | None:
        """Record the payment."""
        capture = payments.find_capture(connection, message.merchant_id, message.capture_id)
        if capture is None or message.amount_minor > capture.captured_minor - capture.paid_minor:
            paid = capture.paid_minor if capture else 0
            captured = capture.captured_minor if capture else 0
            return Refusal(
                RefusalCode.PAYMENT_EXCEEDS_CAPTURED,
                f"{message.amount_minor} on top of {paid} paid is more than {captured} captured",
                "amount_minor",
            )
        payments.add_paid(connection, capture.pk, message.amount_minor)
        overpaid = repay_overpaid(connection, [capture.pk])
        payment_pk = payments.insert_payment(
            connection,
            capture.pk,
            message.merchant_id,
            message.idempotency_key,
            message.amount_minor,
            overpaid,
            message.paid_at,
        )
        entry = postings.payment(
            payment_pk, message.merchant_id, order.currency, message.amount_minor
        )
        ledger.post(connection, [entry])
        return None
