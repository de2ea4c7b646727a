"""How a refund of a capture divides into money for the customer and less debt.

Source: a refund of an unpaid pay-later invoice reduces the debt, no money goes out (Klarna,
"When will a customer receive the refund?"). So the debt is reduced first, and only what the
customer has really paid is repaid.
"""

from models.values.orders import Capture


def cash_of(capture: Capture, amount_minor: int) -> int:
    """The part of `amount_minor` that goes back as money, in minor units; the rest is debt."""
    debt_minor = min(amount_minor, max(capture.debt_left_minor, 0))
    return amount_minor - debt_minor
