"""Exact division of a line: what units, an amount or the rest of it are worth.

Sources: design decision 7 (cumulative rounding, the same idea as "adaptive rounding": what has
been given after k of q units is the total's share of k, rounded once, so that parts always add
up to the total), and docs/decisions/0007 (tax follows the amount; units after an amount).
"""

from models.values.orders import CapturedLine, Portion

BASIS_POINTS = 10_000


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


def part_down(total: int, units: int, quantity: int) -> int:
    """As `part` of a total that is not negative, but a half is rounded down.

    So are discounts, so that `units x price - discount = amount` holds to the cent for every part
    of a line that it holds for (Klarna checks it on each line of a refund).
    """
    return total - part(total, quantity - units, quantity)


def tax_upto(line: CapturedLine, amount_minor: int) -> int:
    """The tax in the first `amount_minor` of a line, so that every part's is within one minor unit.

    It follows the line's tax rate, if the captured tax does (within one minor unit, as Klarna
    demands), and else the captured tax's own share of the amount. The deviation from the exact
    share stays within an interval of length one that holds both 0 and the captured tax's own
    deviation: so the tax of a part, a difference of two, is off by less than one.
    """
    amount, tax = line.captured.amount_minor, line.captured.tax_minor
    if amount < 0:
        amount, tax, amount_minor = -amount, -tax, -amount_minor
        return -_tax_upto(amount, tax, line.tax_rate_basis_points, amount_minor)
    return _tax_upto(amount, tax, line.tax_rate_basis_points, amount_minor)


def _tax_upto(amount: int, tax: int, rate: int, upto: int) -> int:
    if upto >= amount:
        return tax
    gross = BASIS_POINTS + rate
    off = tax * gross - amount * rate
    if abs(off) > gross or not rate:
        return part(tax, upto, amount)
    if 2 * abs(off) < gross:
        return (2 * upto * rate + gross) // (2 * gross)
    if abs(off) == gross:
        # Exactly one off: the exact share is then whole in the end, and all but the last part
        # are rounded to the captured tax's side.
        return -(-upto * rate // gross) if off > 0 else upto * rate // gross
    if off > 0:
        return (upto * rate + off) // gross
    return -(-(upto * rate + off) // gross)


def tax_in(amount_minor: int, rate_basis_points: int) -> int:
    """The tax contained in an amount, rounded half up (Klarna, "Tax handling")."""
    return part(amount_minor, rate_basis_points, BASIS_POINTS + rate_basis_points)


def take_units(line: CapturedLine, units: int) -> Portion:
    """What a refund of the next `units` of a line is worth.

    It is the cumulative share after these units, less what is already taken. When every earlier
    refund of the line stands, that is `part(a+n) - part(a)`; when one of them failed and was
    released, it makes up for the cent that rounding left. After a refund by amount the units that
    were left share what was left. The last unit takes all, and the last cent all tax.

    Raises:
        ValueError: more units than the line has left.
    """
    left, taken = line.left, line.taken
    if not 0 < units <= left.quantity:
        raise ValueError(f"{units} units of {left.quantity} left")
    if units == left.quantity:
        return left
    # What was taken before the basis may have been released since.
    based = min(line.basis.quantity, taken.quantity)
    quantity = line.captured.quantity - based
    upto = taken.quantity - based + units
    based_amount = _nearer_zero(line.basis.amount_minor, taken.amount_minor)
    if line.basis != Portion():
        foretold = based_amount + part(
            line.captured.amount_minor - based_amount, taken.quantity - based, quantity
        )
        if taken.amount_minor != foretold:
            # An earlier refund was released: what it gave back is shared by all that is left.
            return _portion(
                line,
                units,
                part(left.amount_minor, units, left.quantity),
                part_down(left.discount_minor, units, left.quantity),
            )
    amount = step_to(
        based_amount + part(line.captured.amount_minor - based_amount, upto, quantity),
        taken.amount_minor,
        left.amount_minor,
    )
    based_discount = min(line.basis.discount_minor, taken.discount_minor)
    discount = step_to(
        based_discount + part_down(line.captured.discount_minor - based_discount, upto, quantity),
        taken.discount_minor,
        left.discount_minor,
    )
    return _portion(line, units, amount, discount)


def take_amount(line: CapturedLine, amount_minor: int) -> Portion:
    """What a refund of an amount of a line takes of it: that, and its tax and discount.

    The amount has the line's sign. Goods' units are left: the customer keeps what was bought.

    Raises:
        ValueError: nothing, more than the line has left, or of the other sign.
    """
    left, taken, whole = line.left, line.taken, line.captured
    if amount_minor * left.amount_minor <= 0 or abs(amount_minor) > abs(left.amount_minor):
        raise ValueError(f"{amount_minor} of {left.amount_minor} left")
    after = abs(taken.amount_minor + amount_minor)
    discount = step_to(
        part(whole.discount_minor, after, abs(whole.amount_minor)),
        taken.discount_minor,
        left.discount_minor,
    )
    return _portion(line, 0, amount_minor, discount)


def take_rest(line: CapturedLine) -> Portion:
    """All that is left of a line."""
    return line.left


def _portion(line: CapturedLine, units: int, amount: int, discount: int) -> Portion:
    left = line.left
    if amount and amount == left.amount_minor:
        # Of units the last one takes the rest of the discount, as its price says.
        return Portion(units, amount, left.tax_minor, discount if units else left.discount_minor)
    tax = step_to(
        tax_upto(line, line.taken.amount_minor + amount), line.taken.tax_minor, left.tax_minor
    )
    # After a release the tax may lie far behind: no part's is above its amount.
    tax = max(-abs(amount), min(abs(amount), tax))
    return Portion(units, amount, tax, discount)


def step_to(target: int, taken: int, left: int) -> int:
    """From what is taken to the target. After a release it may lie behind: never take back."""
    step = target - taken
    return min(max(step, 0), left) if left >= 0 else max(min(step, 0), left)


def _nearer_zero(one: int, other: int) -> int:
    return one if abs(one) < abs(other) else other
