"""How a refund of a capture divides into money for the customer and less debt.

Source: a refund of an unpaid pay-later invoice reduces the debt, no money goes out (Klarna,
"When will a customer receive the refund?"). So the debt is reduced first, and only what the
customer has really paid is repaid.
"""

from collections.abc import Sequence

from models.values.orders import Capture


def cash_of(capture: Capture, amount_minor: int) -> int:
    """The part of `amount_minor` that goes back as money, in minor units; the rest is debt."""
    debt_minor = min(amount_minor, max(capture.debt_left_minor, 0))
    return amount_minor - debt_minor


def overpaid_of(capture: Capture) -> int:
    """What the customer has paid beyond what was owed, in minor units.

    It is there when a refund had reduced a debt that the customer then paid all the same.
    """
    return max(-capture.debt_left_minor, 0)


def divide_overpaid(overpaid_minor: int, reduced_minor: Sequence[int]) -> list[int]:
    """What of an overpayment goes back for each refund that had reduced the debt, in their order.

    No refund gets back more than it had reduced; what no refund had reduced is not divided.
    """
    parts = []
    for reduced in reduced_minor:
        parts.append(min(reduced, overpaid_minor))
        overpaid_minor -= parts[-1]
    return parts
