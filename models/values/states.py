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


GOODS = (LineType.PHYSICAL, LineType.DIGITAL, LineType.SHIPPING_FEE, LineType.SURCHARGE)
TENDERS = (LineType.GIFT_CARD, LineType.STORE_CREDIT)
"""As negative lines: what the customer paid by other means than through the provider."""
NEGATIVE_TYPES = (LineType.DISCOUNT, *TENDERS)


class RefundKind(StrEnum):
    """The ways in which a merchant asks for a refund."""

    FULL = "full"
    LINES = "lines"
    AMOUNT = "amount"


class Reason(StrEnum):
    """Why a merchant refunds. Providers' own lists are mapped from these by their adapters."""

    RETURN = "return"
    CANCELLED = "cancelled"
    PRICE_ADJUSTMENT = "price_adjustment"
    DUPLICATE = "duplicate"
    FRAUD = "fraud"
    GOODWILL = "goodwill"
    OTHER = "other"


CHARGEBACK_REASON = "chargeback"
"""The stored reason of what a lost dispute took: never asked for by a merchant."""


class Decision(StrEnum):
    """What was decided on a refund request, once and for all."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class RefundState(StrEnum):
    """The life of a refund: accepted, repaid, deducted; or failed when nothing could be repaid.

    A held one is reserved and waits for a person, for goods or for a dispute. A cancelled one was
    given up before its provider was called. A reversed one had been repaid, and all came back.
    """

    HELD = "held"
    ACCEPTED = "accepted"
    REPAID = "repaid"
    DEDUCTED = "deducted"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REVERSED = "reversed"


class HoldKind(StrEnum):
    """What a held refund waits for."""

    APPROVAL = "approval"
    """Another person than its requester."""
    GOODS = "goods"
    """The return of what was bought (EU directive 2011/83, article 13(3))."""
    DISPUTE = "dispute"
    """The end of a dispute, so that refund and chargeback never both pay."""


class DisputeOutcome(StrEnum):
    """How a customer's dispute of a payment, at their bank or at the provider, has ended."""

    WON = "won"
    """The merchant keeps the money."""
    LOST = "lost"
    """The customer has been paid back: a chargeback."""


class DisputeState(StrEnum):
    """The life of a dispute."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class RepaymentKind(StrEnum):
    """Why money goes back."""

    REFUND = "refund"
    OVERPAYMENT = "overpayment"
    """A refund had reduced a debt that the customer then paid all the same."""
    CHARGEBACK = "chargeback"
    """A lost dispute: the bank has paid, nothing goes through the provider's refunds."""


class RepaymentState(StrEnum):
    """The life of a repayment at its provider."""

    HELD = "held"
    """Not to be sent before its refund's holds are released."""
    DUE = "due"
    """To be sent; the provider is known not to have executed it."""
    UNKNOWN = "unknown"
    """Sent, and nobody knows whether it was executed. Never resent under a new key."""
    PENDING = "pending"
    """The provider has it and will settle or decline it later."""
    SETTLED = "settled"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    """Given up before the provider was called; what was reserved is free again."""
    PARKED = "parked"
    """Set aside for a person. The money stays reserved."""
    REVERSED = "reversed"
    """It had settled and failed later: the money came back."""


OPEN_REPAYMENT_STATES = (RepaymentState.DUE, RepaymentState.UNKNOWN, RepaymentState.PENDING)
FINAL_REPAYMENT_STATES = (RepaymentState.SETTLED, RepaymentState.DECLINED)
UNSENT_REPAYMENT_STATES = (RepaymentState.HELD, RepaymentState.DUE)
"""The provider has surely not executed it: it can still be cancelled."""


class PayoutState(StrEnum):
    """A payout collects sales and deductions while open and is totalled when closed."""

    OPEN = "open"
    CLOSED = "closed"
    PAID = "paid"


class DeductionKind(StrEnum):
    """Why a payout is reduced. One deduction a refund and kind."""

    REFUND = "refund"
    REVERSAL = "reversal"
    """The refund was reversed: the payout gets it back."""


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
    GIFT_CARD_LIABILITY = "gift_card_liability"
    """Liability: what gift cards are still good for; a refund raises it."""
    STORE_CREDIT_LIABILITY = "store_credit_liability"
    """Liability: what store credit is still good for; a refund raises it."""
    MERCHANT_TENDERS = "merchant_tenders"
    """What the merchant was paid by its own gift cards and store credit, outside of payouts."""


class EntryKind(StrEnum):
    """What a ledger entry books. With its source it is the entry's idempotency key."""

    SALE = "sale"
    PAYMENT = "payment"
    """A customer paid what was still owed."""
    REPAYMENT = "repayment"
    OVERPAYMENT = "overpayment"
    """What had reduced a debt went back as money, since the debt was paid all the same."""
    DEDUCTION = "deduction"
    REPAYMENT_REVERSAL = "repayment_reversal"
    DEDUCTION_REVERSAL = "deduction_reversal"
    PAYOUT = "payout"


class CreditKind(StrEnum):
    """What a credit record does to the invoice that it refers to."""

    CREDIT = "credit"
    REVERSAL = "reversal"
    """It takes an earlier credit record back, since its refund was reversed."""


class CaseKind(StrEnum):
    """Why a person is asked."""

    PARKED = "parked"
    """A repayment cannot go on by itself."""
    REVERSED = "reversed"
    """A repayment failed after it had settled: the customer must be paid another way."""
    CONTRADICTION = "contradiction"
    """A provider tells what does not fit what is stored."""
    PAID_TWICE = "paid_twice"
    """A refund and a chargeback have both paid."""


class NewsKind(StrEnum):
    """What a provider tells of a repayment later."""

    SETTLED = "settled"
    DECLINED = "declined"
    REVERSED = "reversed"
    """It had settled, and the money came back."""


class Topic(StrEnum):
    """Events that upstream services learn from, in the order in which they happen to a refund."""

    ACCEPTED = "refund.accepted"
    REFUSED = "refund.refused"
    HELD = "refund.held"
    RELEASED = "refund.released"
    CANCELLED = "refund.cancelled"
    REPAID = "refund.repaid"
    DEDUCTED = "refund.deducted"
    FAILED = "refund.failed"
    OVERPAYMENT_REPAID = "refund.overpayment_repaid"
    REVERSED = "refund.reversed"
    DISPUTED = "refund.disputed"
    PARKED = "refund.parked"
