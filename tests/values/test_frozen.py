"""Texts that are stored and sent: a change of any is a change of the contract."""

from enum import StrEnum

import pytest

from models.messages import names
from models.values import limits
from models.values.refusals import MEANINGS, RefusalCode
from models.values.repayments import Action, OutcomeKind
from models.values.states import (
    FINAL_REPAYMENT_STATES,
    OPEN_REPAYMENT_STATES,
    Account,
    Decision,
    DeductionKind,
    EntryKind,
    LineType,
    PayoutState,
    RefundKind,
    RefundState,
    RepaymentState,
    Topic,
)

TEXTS: dict[type[StrEnum], set[str]] = {
    LineType: {
        "physical",
        "digital",
        "shipping_fee",
        "surcharge",
        "gift_card",
        "store_credit",
        "sales_tax",
        "discount",
        "return_fee",
    },
    RefundKind: {"full", "lines", "amount"},
    Decision: {"accepted", "refused"},
    RefundState: {"accepted", "repaid", "deducted", "failed"},
    RepaymentState: {"due", "unknown", "pending", "settled", "declined", "parked"},
    PayoutState: {"open", "closed", "paid"},
    DeductionKind: {"refund"},
    Account: {
        "provider_clearing",
        "customer_receivable",
        "merchant_payable",
        "repayments_in_transit",
        "merchant_debt",
        "bank",
    },
    EntryKind: {"sale", "repayment", "deduction", "payout"},
    Topic: {
        "refund.accepted",
        "refund.refused",
        "refund.repaid",
        "refund.deducted",
        "refund.failed",
        "refund.parked",
    },
    Action: {"send", "ask", "none", "park"},
    OutcomeKind: {"settled", "pending", "declined", "unknown", "not_sent"},
    RefusalCode: {
        "order_not_found",
        "capture_not_found",
        "line_not_captured",
        "exceeds_captured",
        "nothing_left_to_refund",
        "amount_not_positive",
        "currency_mismatch",
        "market_mismatch",
        "idempotency_conflict",
        "capture_conflict",
        "provider_unknown",
        "kind_not_supported",
        "line_amount_not_supported",
        "return_fee_not_supported",
    },
}


@pytest.mark.parametrize("kind", TEXTS, ids=lambda kind: kind.__name__)
def test_the_texts_of_a_closed_list_are_these(kind: type[StrEnum]) -> None:
    assert {str(one) for one in kind} == TEXTS[kind]
    # A member is named as it is spelled, so that a renamed name shows as well.
    for one in kind:
        assert one.name.lower() == str(one).rpartition(".")[2]


def test_every_closed_list_is_in_the_table() -> None:
    modules = {"states", "refusals", "repayments"}
    found = {
        one for one in StrEnum.__subclasses__() if one.__module__.rpartition(".")[2] in modules
    }
    assert {one for one in found if one.__module__.startswith("models.values")} == set(TEXTS)


def test_every_refusal_has_a_sentence_that_means_it_alone() -> None:
    assert set(MEANINGS) == set(RefusalCode)
    assert len(set(MEANINGS.values())) == len(MEANINGS)
    for meaning in MEANINGS.values():
        assert meaning[0].isupper()
        assert meaning.endswith(".")
        assert "\n" not in meaning


def test_every_repayment_state_is_open_final_or_parked() -> None:
    assert set(OPEN_REPAYMENT_STATES) == {
        RepaymentState.DUE,
        RepaymentState.UNKNOWN,
        RepaymentState.PENDING,
    }
    assert set(FINAL_REPAYMENT_STATES) == {RepaymentState.SETTLED, RepaymentState.DECLINED}


def test_message_names_and_queues_are_these() -> None:
    assert names.CAPTURES_RECORD == "captures.record"
    assert names.REFUNDS_REQUEST == "refunds.request"
    assert names.REPAYMENTS_SWEEP == "repayments.sweep"
    assert names.OUTBOX_RELAY == "outbox.relay"
    assert set(names.QUEUES) == {"captures", "refunds", "sweeps"}


def test_sums_of_the_largest_amounts_fit_the_databases_integers() -> None:
    assert limits.AMOUNT_MAX_MINOR * limits.LINES_MAX < 2**63
    assert limits.AMOUNT_MAX_MINOR < 2**53
