"""Exact division of a line's total over its units.

Source: design decision 7; the same idea as "adaptive rounding": what has been given after k of q
units is the total's share of k, rounded once, so that parts always add up to the total.
"""

from models.values.orders import CapturedLine, Portion


def part(total: int, units: int, quantity: int) -> int:
    """The share of the first `units` of `quantity` in `total`, rounded half up (half away from 0).

    Negative totals (discount lines) mirror positive ones, so that a discount and its price
    cancel exactly.

    Raises:
        ValueError: units outside 0..quantity, or no quantity.
    """
    if quantity <= 0 or not 0 <= units <= quantity:
        raise ValueError(f"{units} units of {quantity}")
    if total < 0:
        return -part(-total, units, quantity)
    return (2 * total * units + quantity) // (2 * quantity)


def take_units(line: CapturedLine, units: int) -> Portion:
    """What a refund of the next `units` of a line is worth.

    It is the cumulative share after these units, less what is already taken. When every earlier
    refund of the line stands, that is `part(a+n) - part(a)`; when one of them failed and was
    released, it makes up for the cent that rounding left. The last unit takes all that is left.

    Raises:
        ValueError: more units than the line has left.
    """
    whole, taken = line.captured, line.taken
    upto = taken.quantity + units
    if units <= 0 or upto > whole.quantity:
        raise ValueError(f"{units} units of {whole.quantity - taken.quantity} left")
    return Portion(
        units,
        _next(whole.amount_minor, taken.amount_minor, upto, whole.quantity),
        _next(whole.tax_minor, taken.tax_minor, upto, whole.quantity),
        _next(whole.discount_minor, taken.discount_minor, upto, whole.quantity),
    )


def take_rest(line: CapturedLine) -> Portion:
    """All that is left of a line."""
    return line.left


def _next(total: int, taken: int, upto: int, quantity: int) -> int:
    step = part(total, upto, quantity) - taken
    # After a released refund the taken cents can run ahead of the share: never take back.
    return max(step, 0) if total >= 0 else min(step, 0)
