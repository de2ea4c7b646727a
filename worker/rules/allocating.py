"""Divide an amount over several: largest remainder, in proportion to what each has.

Source: truncate, then give the cents that are left to the largest remainders (Sovos; domain
reference, Money). Ties go to the first.
"""

from collections.abc import Sequence


def largest_remainder(amount_minor: int, weights: Sequence[int]) -> list[int]:
    """Parts of an amount that add up to it, in proportion to weights that add up to no less.

    No part is larger than its weight, nor of the other sign: of a negative weight (a discount)
    goes a negative part.

    Raises:
        ValueError: the amount is negative or above the weights' sum.
    """
    total = sum(weights)
    if not 0 <= amount_minor <= total:
        raise ValueError(f"{amount_minor} of {total}")
    if amount_minor == 0:
        return [0] * len(weights)
    parts = [amount_minor * weight // total for weight in weights]
    remainders = [amount_minor * weight % total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda n: (-remainders[n], n))
    for position in by_remainder[: amount_minor - sum(parts)]:
        parts[position] += 1
    return parts
