"""Every refusal of what a policy or a provider does not allow; and that no code is without one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from models.values.orders import OrderBook, RefundAsk
from models.values.policies import Circumstances, FeePolicy, Policy
from models.values.refusals import RETIRED, Refusal, RefusalCode
from tests.rules.drawing import (
    CALM,
    amounts,
    bare,
    book,
    full,
    keeping,
    line,
    taken,
    under,
    units,
    worth,
)
from tests.rules.test_refusals import FEE_LEFT, FEE_LINE, REFUSED
from worker.rules.eligibility import decide

C = RefusalCode
TWO = book([line("a", 3, 300), line("b", 1, 50)], [line("a", 2, 200)])
ONE = book([line("a", 1, 100)])
OTHER = book([line("a", 1, 100)], provider="other")
DISCOUNTED = book([line("a", 1, 100), line("off", 1, -30)])
KLARNA = book([line("a", 1, 100)], provider="klarna")


FEE = "return_fee_minor"
WITHOUT = under(Policy())
CAPPED = under(Policy(return_fee=FeePolicy(cap_minor=20, cap_basis_points=2_500)))
# What the policy, the market or the provider does not allow.
LIMITED: list[tuple[str, RefundAsk, OrderBook, Circumstances, RefusalCode, str]] = [
    ("no fee is allowed", keeping(1, full()), ONE, WITHOUT, C.RETURN_FEE_NOT_ALLOWED, FEE),
    (
        "the provider takes no fees",
        keeping(1, full()),
        OTHER,
        CALM,
        C.RETURN_FEE_NOT_POSSIBLE,
        FEE,
    ),
    (
        "a fee where there are two captures",
        keeping(1, full()),
        book([line("a", 1, 100)], [line("a", 1, 100)], provider="klarna"),
        CALM,
        C.RETURN_FEE_NOT_POSSIBLE,
        FEE,
    ),
    (
        "a fee where not all is captured",
        keeping(1, full()),
        worth(KLARNA, 101),
        CALM,
        C.RETURN_FEE_NOT_POSSIBLE,
        FEE,
    ),
    (
        "a fee of a bare amount",
        keeping(1, bare(50)),
        KLARNA,
        CALM,
        C.RETURN_FEE_NOT_POSSIBLE,
        FEE,
    ),
    (
        "a fee of a fee",
        keeping(1, units((FEE_LINE, 1))),
        FEE_LEFT,
        CALM,
        C.RETURN_FEE_NOT_POSSIBLE,
        FEE,
    ),
    ("a fee above its cap", keeping(21, full()), ONE, CAPPED, C.RETURN_FEE_ABOVE_CAP, FEE),
    (
        "a fee above its part of the amount",
        keeping(11, bare(40)),
        ONE,
        CAPPED,
        C.RETURN_FEE_ABOVE_CAP,
        FEE,
    ),
    ("a fee of all", keeping(100, full()), ONE, CALM, C.RETURN_FEE_EXCEEDS_REFUND, FEE),
    ("a fee of more", keeping(51, bare(50)), ONE, CALM, C.RETURN_FEE_EXCEEDS_REFUND, FEE),
    *(
        (f"{name}, {how}", ask, ONE, under(policy), code, field)
        for how, ask, field in (
            ("all", full(), "order_id"),
            ("by lines", amounts(("a", 100)), "lines"),
            ("a bare amount", bare(100), "amount_minor"),
        )
        for name, policy, code in (
            ("more than the maximum", Policy(amount_max_minor=99), C.AMOUNT_ABOVE_MAXIMUM),
            ("after the window", Policy(window=timedelta(days=28)), C.WINDOW_CLOSED),
        )
    ),
    (
        "less than the minimum, by lines",
        units(("b", 1)),
        TWO,
        under(Policy(amount_min_minor=51)),
        C.AMOUNT_BELOW_MINIMUM,
        "lines",
    ),
    (
        "less than the minimum, a bare amount",
        bare(99),
        ONE,
        under(Policy(amount_min_minor=100)),
        C.AMOUNT_BELOW_MINIMUM,
        "amount_minor",
    ),
    *(
        (
            f"a second refund, {how}",
            ask,
            taken(ONE, bare(1)),
            under(Policy(refunds_max=1)),
            C.TOO_MANY_REFUNDS,
            "order_id",
        )
        for how, ask in (("all", full()), ("by lines", amounts(("a", 1))), ("an amount", bare(1)))
    ),
]
EVERY = [(name, ask, of, CALM, code, field) for name, ask, of, code, field in REFUSED] + [*LIMITED]


@pytest.mark.parametrize(
    ("ask", "of", "around", "code", "field"),
    [case[1:] for case in LIMITED],
    ids=[case[0].replace(" ", "-") for case in LIMITED],
)
def test_a_refusal_has_its_code_and_names_its_field(
    ask: RefundAsk, of: OrderBook, around: Circumstances, code: RefusalCode, field: str
) -> None:
    verdict = decide(ask, of, around)
    assert isinstance(verdict, Refusal)
    assert (verdict.code, verdict.field) == (code, field)
    assert verdict.message


@pytest.mark.parametrize(
    ("ask", "of", "around", "words"),
    [
        (
            keeping(1, full()),
            replace(ONE, merchant_id="shop", market="FI"),
            WITHOUT,
            "no return fee may be kept of merchant 'shop' in market 'FI'",
        ),
        (
            keeping(1, full()),
            OTHER,
            CALM,
            "provider 'other' takes no return fees",
        ),
        (
            keeping(1, full()),
            book([line("a", 1, 100)], [line("a", 1, 100)], provider="klarna"),
            CALM,
            "provider 'klarna' takes a return fee only on an order of one single capture",
        ),
        (
            keeping(1, full()),
            worth(KLARNA, 101),
            CALM,
            "provider 'klarna' takes a return fee only on an order that is fully captured",
        ),
        (
            keeping(1, bare(50)),
            KLARNA,
            CALM,
            "provider 'klarna' takes a return fee only where lines are refunded",
        ),
        (keeping(1, units((FEE_LINE, 1))), FEE_LEFT, CALM, "no fee is kept of a return fee"),
        (keeping(100, full()), ONE, CALM, "100 kept of 100 leaves nothing"),
        (keeping(21, full()), ONE, CAPPED, "21 is above the cap of 20"),
        (keeping(11, bare(40)), ONE, CAPPED, "11 is above the cap of 10"),
        (full(), ONE, under(Policy(amount_max_minor=99)), "100 is above the maximum of 99"),
        (bare(98), ONE, under(Policy(amount_min_minor=99)), "98 is below the minimum of 99"),
        (
            full(),
            replace(ONE, refund_count=3),
            under(Policy(refunds_max=2)),
            "the order has 3 refunds, 2 are allowed",
        ),
        (
            full(),
            ONE,
            under(Policy(window=timedelta(days=28))),
            "capture 'c1' of 2026-01-02 is older than 28 days",
        ),
    ],
)
def test_a_refusal_says_what_is_not_allowed(
    ask: RefundAsk, of: OrderBook, around: Circumstances, words: str
) -> None:
    verdict = decide(ask, of, around)
    assert isinstance(verdict, Refusal)
    assert verdict.message == words


NARROW = Policy(
    return_fee=FeePolicy(cap_minor=0),
    window=timedelta(0),
    refunds_max=0,
    amount_min_minor=1_000,
    amount_max_minor=90,
)


@pytest.mark.parametrize(
    ("ask", "of", "policy", "code"),
    [
        (units(("off", 1)), DISCOUNTED, NARROW, C.AMOUNT_NOT_POSITIVE),
        (keeping(10**6, full()), OTHER, replace(NARROW, return_fee=None), C.RETURN_FEE_NOT_ALLOWED),
        (keeping(10**6, full()), OTHER, NARROW, C.RETURN_FEE_NOT_POSSIBLE),
        (keeping(10**6, full()), ONE, NARROW, C.RETURN_FEE_EXCEEDS_REFUND),
        (keeping(1, full()), ONE, NARROW, C.RETURN_FEE_ABOVE_CAP),
        (full(), ONE, NARROW, C.AMOUNT_ABOVE_MAXIMUM),
        (bare(1), ONE, NARROW, C.AMOUNT_BELOW_MINIMUM),
        (bare(1), ONE, replace(NARROW, amount_min_minor=0), C.TOO_MANY_REFUNDS),
        (bare(1), ONE, Policy(refunds_max=1, window=timedelta(0)), C.WINDOW_CLOSED),
    ],
)
def test_of_several_faults_the_first_is_told(
    ask: RefundAsk, of: OrderBook, policy: Policy, code: RefusalCode
) -> None:
    """What is asked; whether a fee may be kept, how much; the amount, the count, the window."""
    verdict = decide(ask, of, under(policy))
    assert isinstance(verdict, Refusal)
    assert verdict.code is code


def test_every_code_that_the_rules_give_has_an_example() -> None:
    elsewhere = {
        C.MARKET_MISMATCH,
        C.IDEMPOTENCY_CONFLICT,
        C.CAPTURE_CONFLICT,
        C.PROVIDER_UNKNOWN,
        C.REFUND_NOT_FOUND,
        C.NOT_HELD,
        C.SAME_PERSON,
        C.TOO_LATE_TO_CANCEL,
        C.PAYMENT_EXCEEDS_CAPTURED,
        C.DISPUTE_NOT_FOUND,
        C.DISPUTE_NOT_OPEN,
    }
    given = {case[3] for case in REFUSED} | {case[4] for case in LIMITED}
    assert given == set(C) - elsewhere - set(RETIRED)
