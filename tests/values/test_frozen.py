"""Texts that are stored and sent: a change of any is a change of the contract."""

import importlib
import pkgutil
from enum import StrEnum

import pytest

from models import values
from models.messages import names
from models.values import limits
from models.values.policies import FeeSupport
from models.values.refusals import MEANINGS, RETIRED, RefusalCode
from models.values.repayments import Action, OutcomeKind
from models.values.retries import ErrorClass
from models.values.states import (
    CHARGEBACK_REASON,
    FINAL_REPAYMENT_STATES,
    GOODS,
    NEGATIVE_TYPES,
    OPEN_REPAYMENT_STATES,
    TENDERS,
    UNSENT_REPAYMENT_STATES,
    Account,
    CaseKind,
    CreditKind,
    Decision,
    DeductionKind,
    DisputeOutcome,
    DisputeState,
    EntryKind,
    HoldKind,
    LineType,
    NewsKind,
    PayoutState,
    Reason,
    RefundKind,
    RefundState,
    RepaymentKind,
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
    Reason: {
        "return",
        "cancelled",
        "price_adjustment",
        "duplicate",
        "fraud",
        "goodwill",
        "other",
    },
    Decision: {"accepted", "refused"},
    RefundState: {
        "held",
        "accepted",
        "repaid",
        "deducted",
        "failed",
        "cancelled",
        "reversed",
    },
    HoldKind: {"approval", "goods", "dispute"},
    DisputeOutcome: {"won", "lost"},
    DisputeState: {"open", "won", "lost"},
    RepaymentKind: {"refund", "overpayment", "chargeback"},
    RepaymentState: {
        "held",
        "due",
        "unknown",
        "pending",
        "settled",
        "declined",
        "cancelled",
        "parked",
        "reversed",
    },
    PayoutState: {"open", "closed", "paid"},
    DeductionKind: {"refund", "reversal"},
    Account: {
        "provider_clearing",
        "customer_receivable",
        "merchant_payable",
        "repayments_in_transit",
        "merchant_debt",
        "bank",
        "gift_card_liability",
        "store_credit_liability",
        "merchant_tenders",
    },
    EntryKind: {
        "sale",
        "payment",
        "repayment",
        "overpayment",
        "deduction",
        "repayment_reversal",
        "deduction_reversal",
        "payout",
    },
    CreditKind: {"credit", "reversal"},
    CaseKind: {"parked", "reversed", "contradiction", "paid_twice"},
    NewsKind: {"settled", "declined", "reversed"},
    Topic: {
        "refund.accepted",
        "refund.refused",
        "refund.held",
        "refund.released",
        "refund.cancelled",
        "refund.repaid",
        "refund.deducted",
        "refund.failed",
        "refund.overpayment_repaid",
        "refund.reversed",
        "refund.disputed",
        "refund.parked",
    },
    FeeSupport: {"none", "any", "single_full_capture"},
    ErrorClass: {
        "network",
        "timeout",
        "rate_limited",
        "provider_error",
        "in_progress",
        "balance",
        "rejected",
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
        "return_fee_not_allowed",
        "return_fee_not_possible",
        "return_fee_above_cap",
        "return_fee_exceeds_refund",
        "amount_below_minimum",
        "amount_above_maximum",
        "too_many_refunds",
        "window_closed",
        "refund_not_found",
        "not_held",
        "same_person",
        "too_late_to_cancel",
        "payment_exceeds_captured",
        "dispute_not_found",
        "dispute_not_open",
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
    for module in pkgutil.iter_modules(values.__path__, f"{values.__name__}."):
        importlib.import_module(module.name)
    found = {one for one in StrEnum.__subclasses__() if one.__module__.startswith(values.__name__)}
    assert found == set(TEXTS)


def test_every_refusal_has_a_sentence_and_every_one_that_is_given_one_that_means_it_alone() -> None:
    assert set(MEANINGS) == set(RefusalCode)
    given = [MEANINGS[code] for code in RefusalCode if code not in RETIRED]
    assert len(set(given)) == len(given)
    for code, meaning in MEANINGS.items():
        assert meaning[0].isupper()
        assert meaning.endswith(".")
        assert "\n" not in meaning
        assert meaning.startswith("No longer given") is (code in RETIRED)


def test_codes_that_are_no_longer_given_are_kept_for_what_is_stored() -> None:
    assert set(RETIRED) == {
        RefusalCode.KIND_NOT_SUPPORTED,
        RefusalCode.LINE_AMOUNT_NOT_SUPPORTED,
        RefusalCode.RETURN_FEE_NOT_SUPPORTED,
    }


def test_every_repayment_state_is_open_final_or_none_of_both() -> None:
    assert set(OPEN_REPAYMENT_STATES) == {
        RepaymentState.DUE,
        RepaymentState.UNKNOWN,
        RepaymentState.PENDING,
    }
    assert set(FINAL_REPAYMENT_STATES) == {RepaymentState.SETTLED, RepaymentState.DECLINED}
    assert set(UNSENT_REPAYMENT_STATES) == {RepaymentState.HELD, RepaymentState.DUE}
    assert set(RepaymentState) == {
        *OPEN_REPAYMENT_STATES,
        *FINAL_REPAYMENT_STATES,
        RepaymentState.HELD,
        RepaymentState.CANCELLED,
        RepaymentState.PARKED,
        RepaymentState.REVERSED,
    }


def test_every_line_type_is_goods_a_tender_a_discount_a_tax_or_a_fee() -> None:
    others = {LineType.DISCOUNT, LineType.SALES_TAX, LineType.RETURN_FEE}
    assert set(LineType) == {*GOODS, *TENDERS, *others}
    assert len(LineType) == len(GOODS) + len(TENDERS) + len(others)
    assert set(TENDERS) == {LineType.GIFT_CARD, LineType.STORE_CREDIT}
    assert set(NEGATIVE_TYPES) == {LineType.DISCOUNT, *TENDERS}


def test_a_dispute_is_open_or_has_one_of_its_outcomes() -> None:
    assert {*DisputeState} == {"open", *DisputeOutcome}


def test_a_chargeback_is_told_from_every_reason_that_a_merchant_gives() -> None:
    assert CHARGEBACK_REASON == "chargeback"
    assert CHARGEBACK_REASON not in {*Reason}


def test_message_names_and_their_queues_are_these() -> None:
    assert names.QUEUE_OF == {
        "captures.record": "captures",
        "captures.payment": "captures",
        "refunds.request": "refunds",
        "refunds.approve": "refunds",
        "refunds.deny": "refunds",
        "refunds.cancel": "refunds",
        "refunds.goods_received": "refunds",
        "disputes.opened": "refunds",
        "disputes.closed": "refunds",
        "repayments.sweep": "sweeps",
        "outbox.relay": "sweeps",
    }
    assert sorted(names.QUEUES) == ["captures", "refunds", "sweeps"]
    texts = {text for name, text in vars(names).items() if isinstance(text, str) and name.isupper()}
    assert texts == {*names.QUEUE_OF, *names.QUEUES}, "every name has its queue"


def test_sums_of_the_largest_amounts_fit_the_databases_integers() -> None:
    assert limits.AMOUNT_MAX_MINOR * limits.LINES_MAX < 2**63
    assert limits.AMOUNT_MAX_MINOR < 2**53
