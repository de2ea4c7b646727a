"""Any file, against the rule told once more: layer by layer, field by field, in plain steps."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from models.messages.parsing import parse
from models.values.limits import AMOUNT_MAX_MINOR
from models.values.policies import FeePolicy, Policy
from worker.policy.reading import PolicyFile, resolve

Json = dict[str, Any]
CURRENCIES = ["EUR", "JPY", "KWD"]
MARKETS = ["DE", "SE"]
MERCHANTS = ["m", "n"]

AMOUNTS = st.dictionaries(st.sampled_from(CURRENCIES), st.integers(0, 3), max_size=3)
LIMITS = [
    *("window_days", "refunds_max", "amount_min_minor"),
    *("amount_max_minor", "approval_above_minor", "due_days"),
]
CAPS = ["cap_minor", "cap_basis_points"]
FEES = st.fixed_dictionaries(
    {},
    optional={
        "allowed": st.booleans(),
        "cap_minor": AMOUNTS,
        "cap_basis_points": st.integers(0, 3),
        "tax_rate": st.integers(0, 3),
        "without": st.lists(st.sampled_from(CAPS), max_size=2),
    },
)
FIELDS = {
    "window_days": st.integers(0, 3),
    "refunds_max": st.integers(1, 3),
    "amount_min_minor": AMOUNTS,
    "amount_max_minor": AMOUNTS,
    "approval_above_minor": AMOUNTS,
    "returns_await_goods": st.booleans(),
    "due_days": st.integers(0, 3),
    "without": st.lists(st.sampled_from(LIMITS), max_size=3),
    "return_fee": FEES,
}
TERMS = st.fixed_dictionaries({}, optional=FIELDS)
BY_MARKET = st.dictionaries(st.sampled_from(MARKETS), TERMS, max_size=2)
FILES = st.fixed_dictionaries(
    {"version": st.just(1)},
    optional={
        "defaults": TERMS,
        "markets": BY_MARKET,
        "merchants": st.dictionaries(
            st.sampled_from(MERCHANTS),
            st.fixed_dictionaries({}, optional={**FIELDS, "markets": BY_MARKET}),
            max_size=2,
        ),
    },
)


def told_last(layers: list[Json], field: str, currency: str) -> Any:
    """What the last layer that tells a field says, unless one from then on goes without it."""
    for layer in reversed(layers):
        value = layer.get(field)
        if isinstance(value, dict):
            value = value.get(currency)
        if value is not None:
            return value
        if field in layer.get("without", []):
            return None
    return None


def expected(file: Json, merchant: str, market: str, currency: str) -> Policy:
    """What must hold."""
    own = file.get("merchants", {}).get(merchant, {})
    layers: list[Json] = [
        file.get("defaults", {}),
        file.get("markets", {}).get(market, {}),
        own,
        own.get("markets", {}).get(market, {}),
    ]
    fees = [layer.get("return_fee", {}) for layer in layers]
    limit = {field: told_last(layers, field, currency) for field in LIMITS}
    most = limit["amount_max_minor"]
    window, due = limit["window_days"], limit["due_days"]
    return Policy(
        return_fee=FeePolicy(
            told_last(fees, "cap_minor", currency),
            told_last(fees, "cap_basis_points", currency),
            told_last(fees, "tax_rate", currency) or 0,
        )
        if told_last(fees, "allowed", currency)
        else None,
        window=None if window is None else timedelta(days=window),
        refunds_max=limit["refunds_max"],
        amount_min_minor=limit["amount_min_minor"] or 0,
        amount_max_minor=AMOUNT_MAX_MINOR if most is None else most,
        approval_above_minor=limit["approval_above_minor"],
        returns_await_goods=bool(told_last(layers, "returns_await_goods", currency)),
        due_within=None if due is None else timedelta(days=due),
    )


@settings(max_examples=300, deadline=None)
@given(
    FILES,
    st.sampled_from([*MERCHANTS, "other"]),
    st.sampled_from([*MARKETS, "NO"]),
    st.sampled_from([*CURRENCIES, "SEK"]),
)
def test_whatever_a_file_says_the_last_word_on_each_field_counts(
    file: Json, merchant: str, market: str, currency: str
) -> None:
    resolved = resolve(parse(PolicyFile, file), merchant, market, currency)
    assert resolved == expected(file, merchant, market, currency)
