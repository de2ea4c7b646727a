"""The closed lists of states and kinds. Their spelling is stored and sent: never change one."""

from enum import StrEnum


class LineType(StrEnum):
    """Order line types, as in Klarna's Order Management API."""

    PHYSICAL = "physical"
    DIGITAL = "digital"
    SHIPPING_FEE = "shipping_fee"
    SURCHARGE = "surcharge"
    GIFT_CARD = "gift_card"
    STORE_CREDIT = "store_credit"
    SALES_TAX = "sales_tax"
    DISCOUNT = "discount"
    RETURN_FEE = "return_fee"


class RefundKind(StrEnum):
    """The ways in which a merchant asks for a refund."""

    FULL = "full"
    LINES = "lines"
    AMOUNT = "amount"


class Decision(StrEnum):
    """What was decided on a refund request, once and for all."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class RefundState(StrEnum):
    """The life of a refund: accepted, repaid, deducted; or failed when nothing could be repaid."""

    ACCEPTED = "accepted"
    REPAID = "repaid"
    DEDUCTED = "deducted"
    FAILED = "failed"


class RepaymentState(StrEnum):
    """The life of a repayment at its provider."""

    DUE = "due"
    """To be sent; the provider is known not to have executed it."""
    UNKNOWN = "unknown"
    """Sent, and nobody knows whether it was executed. Never resent under a new key."""
    PENDING = "pending"
    """The provider has it and will settle or decline it later."""
    SETTLED = "settled"
    DECLINED = "declined"
    PARKED = "parked"
    """Set aside for a person. The money stays reserved."""


OPEN_REPAYMENT_STATES = (RepaymentState.DUE, RepaymentState.UNKNOWN, RepaymentState.PENDING)
FINAL_REPAYMENT_STATES = (RepaymentState.SETTLED, RepaymentState.DECLINED)


class PayoutState(StrEnum):
    """A payout collects sales and deductions while open and is totalled when closed."""

    OPEN = "open"
    CLOSED = "closed"
    PAID = "paid"


class DeductionKind(StrEnum):
    """Why a payout is reduced. One deduction a refund and kind."""

    REFUND = "refund"


class Account(StrEnum):
    """Ledger accounts, one of each per merchant and currency. Debits are positive."""

    PROVIDER_CLEARING = "provider_clearing"
    """Asset: what providers hold for us."""
    CUSTOMER_RECEIVABLE = "customer_receivable"
    """Asset: what customers have not yet paid."""
    MERCHANT_PAYABLE = "merchant_payable"
    """Liability: what the merchant's payouts are made of."""
    REPAYMENTS_IN_TRANSIT = "repayments_in_transit"
    """Asset: repaid to customers and not yet deducted from the merchant."""
    MERCHANT_DEBT = "merchant_debt"
    """Asset: shortfall of closed payouts that later payouts repay."""
    BANK = "bank"
    """Asset: what has left for the merchant's bank (negative)."""


class EntryKind(StrEnum):
    """What a ledger entry books. With its source it is the entry's idempotency key."""

    SALE = "sale"
    REPAYMENT = "repayment"
    DEDUCTION = "deduction"
    PAYOUT = "payout"


class Topic(StrEnum):
    """Events that upstream services learn from, in the order in which they happen to a refund."""

    ACCEPTED = "refund.accepted"
    REFUSED = "refund.refused"
    REPAID = "refund.repaid"
    DEDUCTED = "refund.deducted"
    FAILED = "refund.failed"
    PARKED = "refund.parked"
