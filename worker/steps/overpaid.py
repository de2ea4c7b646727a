"""What a customer overpaid goes back as money: a refund had reduced a debt that was then paid.

Part of two steps: recording a payment, and recording that a refund has settled meanwhile.
"""

from collections.abc import Collection

from sqlalchemy import Connection

from models.values.identifiers import overpayment_id_of, provider_key_of
from worker.rules.splitting import divide_overpaid, overpaid_of
from worker.steps.facts import facts_of
from worker.store import overpayments


def repay_overpaid(connection: Connection, capture_pks: Collection[int]) -> int:
    """Make repayments of what is overpaid of these captures; gives its sum in minor units.

    Of refunds that are still held, more is simply repaid as money. For what others had reduced
    a repayment of its own is due, which the sweep takes up. Providers that split off the debt
    themselves also find the way back themselves. The orders are locked by the caller.
    """
    total = 0
    for capture in overpayments.read_captures(connection, capture_pks):
        overpaid = overpaid_of(capture)
        if not overpaid or facts_of(capture.provider).splits_debt_itself:
            continue
        reducing = overpayments.reducing_repayments(connection, capture.pk)
        parts = divide_overpaid(overpaid, [one.reduced_minor for one in reducing])
        for one, part in zip(reducing, parts, strict=True):
            if not part:
                continue
            if one.held:
                overpayments.raise_cash(connection, one.repayment_id, part)
            else:
                number = one.overpayments + 1
                repayment_id = overpayment_id_of(one.refund_id, capture.pk, number)
                overpayments.insert_due(
                    connection,
                    repayment_id,
                    one,
                    f"overpaid:{number}",
                    part,
                    provider_key_of(repayment_id, 1),
                )
        overpayments.add_cash(connection, capture.pk, sum(parts))
        total += sum(parts)
    return total
