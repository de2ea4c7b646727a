"""What news of a repayment does, by where it stands: whatever comes twice, early, late or never.

Source: Stripe (succeeded may become failed for 30 days), Adyen (REFUND_FAILED, REFUNDED_REVERSED
after REFUND), all at least once and in any order.
"""

from enum import StrEnum

from models.values.states import NewsKind, RepaymentState


class Effect(StrEnum):
    """What is done."""

    SETTLE = "settle"
    DECLINE = "decline"
    REVERSE = "reverse"
    SETTLE_AND_REVERSE = "settle_and_reverse"
    """It settled and came back before anybody told us of the first."""
    NOTHING = "nothing"
    CONTRADICTION = "contradiction"
    """It does not fit what is stored: a person must look."""


_S = RepaymentState
_OPEN = (_S.DUE, _S.UNKNOWN, _S.PENDING, _S.PARKED)

_EFFECTS: dict[NewsKind, dict[RepaymentState, Effect]] = {
    NewsKind.SETTLED: {
        **dict.fromkeys(_OPEN, Effect.SETTLE),
        _S.SETTLED: Effect.NOTHING,
        # It came after the news that the money came back.
        _S.REVERSED: Effect.NOTHING,
    },
    NewsKind.DECLINED: {
        **dict.fromkeys(_OPEN, Effect.DECLINE),
        _S.SETTLED: Effect.REVERSE,
        _S.DECLINED: Effect.NOTHING,
        _S.CANCELLED: Effect.NOTHING,
        _S.REVERSED: Effect.NOTHING,
    },
    NewsKind.REVERSED: {
        **dict.fromkeys(_OPEN, Effect.SETTLE_AND_REVERSE),
        _S.SETTLED: Effect.REVERSE,
        _S.DECLINED: Effect.NOTHING,
        _S.REVERSED: Effect.NOTHING,
    },
}


def effect_of(kind: NewsKind, state: RepaymentState) -> Effect:
    """What news does to a repayment in this state. What is not foreseen needs a person."""
    return _EFFECTS[kind].get(state, Effect.CONTRADICTION)
