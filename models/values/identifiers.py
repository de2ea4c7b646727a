"""Identifiers that follow from what they name, so that a repeat finds the same row.

All are UUIDv5 (RFC 9562), which Klarna recommends for its idempotency keys and which fits the
shortest limit known (Adyen: 64 characters).
"""

from uuid import UUID, uuid5

_NAMESPACE = UUID("6f1e7d7c-6a0e-5c39-9d0b-2f5a1c3e8b47")

RETURN_FEE_PREFIX = "return_fee:"


def return_fee_line_id(refund_id: UUID) -> str:
    """The line that a kept return fee becomes, so that it can be refunded later."""
    return f"{RETURN_FEE_PREFIX}{refund_id}"


def refund_id_of(merchant_id: str, idempotency_key: str) -> UUID:
    """The refund that a merchant's request of this key becomes, if accepted."""
    # The length keeps ("a", "b:c") and ("a:b", "c") apart.
    return uuid5(_NAMESPACE, f"refund:{len(merchant_id)}:{merchant_id}:{idempotency_key}")


def repayment_id_of(refund_id: UUID, capture_pk: int) -> UUID:
    """The repayment of a refund on one capture."""
    return uuid5(_NAMESPACE, f"repayment:{refund_id}:{capture_pk}")


def overpayment_id_of(refund_id: UUID, capture_pk: int, number: int) -> UUID:
    """The repayment number `number` of what was overpaid after this refund reduced the debt."""
    return uuid5(_NAMESPACE, f"overpayment:{refund_id}:{capture_pk}:{number}")


def provider_key_of(repayment_id: UUID, generation: int) -> str:
    """The idempotency key sent to the provider: the same for every attempt of a generation.

    The generation is raised only by a person, after a definitive decline.
    """
    return str(uuid5(_NAMESPACE, f"provider-key:{repayment_id}:{generation}"))
