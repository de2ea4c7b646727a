"""Later terms override earlier ones field by field; `without` takes limits away."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest

from models.messages.parsing import parse
from models.values.limits import AMOUNT_MAX_MINOR
from models.values.policies import FeePolicy, Policy
from worker.policy.reading import PolicyFile, resolve

Json = dict[str, Any]
LAYERS = ["defaults", "market", "merchant", "merchant's market"]
EACH_LAYER = pytest.mark.parametrize("layer", LAYERS)


def policy_file(**terms: Json) -> PolicyFile:
    """A file with these terms, by layer, of merchant "m" and market DE."""
    told = {name.replace("_", " "): value for name, value in terms.items()}
    merchant = dict(told.get("merchant", {}))
    if "own market" in told:
        merchant["markets"] = {"DE": told["own market"]}
    return parse(
        PolicyFile,
        {
            "version": 1,
            "defaults": told.get("defaults", {}),
            "markets": {"DE": told.get("market", {})},
            "merchants": {"m": merchant},
        },
    )


def layered(terms: dict[str, Json]) -> PolicyFile:
    """A file with these terms, by the names of the layers."""
    names = dict(zip(LAYERS, ["defaults", "market", "merchant", "own_market"], strict=True))
    return policy_file(**{names[layer]: told for layer, told in terms.items()})


def held(terms: dict[str, Json], market: str = "DE", currency: str = "EUR") -> Policy:
    """What holds for "m" in a market, by default in DE, and a currency, by default in euro."""
    return resolve(layered(terms), "m", market, currency)


FIELDS: list[tuple[str, Any, Any, str, Any, Any]] = [
    ("window_days", 90, 0, "window", timedelta(90), timedelta(0)),
    ("refunds_max", 200, 1, "refunds_max", 200, 1),
    ("amount_min_minor", {"EUR": 5}, {"EUR": 0}, "amount_min_minor", 5, 0),
    ("amount_max_minor", {"EUR": 500}, {"EUR": 0}, "amount_max_minor", 500, 0),
    ("approval_above_minor", {"EUR": 500}, {"EUR": 0}, "approval_above_minor", 500, 0),
    ("returns_await_goods", True, False, "returns_await_goods", True, False),
    ("due_days", 14, 0, "due_within", timedelta(14), timedelta(0)),
]
EACH_FIELD = pytest.mark.parametrize(
    ("field", "one", "other", "name", "one_held", "other_held"),
    FIELDS,
    ids=[case[0] for case in FIELDS],
)


@EACH_FIELD
def test_each_layer_sets_a_field_and_a_later_one_overrides_it(
    field: str, one: Any, other: Any, name: str, one_held: Any, other_held: Any
) -> None:
    for layer in LAYERS:
        assert getattr(held({layer: {field: one}}), name) == one_held
        assert getattr(held({layer: {field: other}}), name) == other_held
    for earlier, later in combinations(LAYERS, 2):
        both = {earlier: {field: one}, later: {field: other}}
        assert getattr(held(both), name) == other_held
        turned = {earlier: {field: other}, later: {field: one}}
        assert getattr(held(turned), name) == one_held


@EACH_FIELD
def test_a_layer_that_does_not_tell_a_field_leaves_it(
    field: str, one: Any, other: Any, name: str, one_held: Any, other_held: Any
) -> None:
    fields = {told: value for told, value, *_ in FIELDS if told != field}
    for earlier, later in combinations(LAYERS, 2):
        assert getattr(held({earlier: {field: one}, later: fields}), name) == one_held


@EACH_FIELD
def test_a_field_alone_sets_nothing_else(
    field: str, one: Any, other: Any, name: str, one_held: Any, other_held: Any
) -> None:
    assert held({"defaults": {field: one}}) == Policy(**{name: one_held})


def test_terms_hold_only_where_they_are_meant() -> None:
    file = layered({layer: {"refunds_max": n} for n, layer in enumerate(LAYERS, 1)})
    cases = {("m", "DE"): 4, ("m", "SE"): 3, ("n", "DE"): 2, ("n", "SE"): 1, ("", ""): 1}
    for (merchant, market), expected in cases.items():
        assert resolve(file, merchant, market, "EUR").refunds_max == expected
    assert resolve(file, "M", "de", "EUR").refunds_max == 1


def test_nothing_is_limited_where_nothing_is_said() -> None:
    assert held({}) == Policy()
    assert held({}).amount_max_minor == AMOUNT_MAX_MINOR
    assert resolve(parse(PolicyFile, {"version": 1}), "m", "DE", "EUR") == Policy()


TAKEN_AWAY: list[tuple[str, Any, str, Any]] = [
    ("window_days", 90, "window", None),
    ("refunds_max", 200, "refunds_max", None),
    ("amount_min_minor", {"EUR": 5, "SEK": 6}, "amount_min_minor", 0),
    ("amount_max_minor", {"EUR": 5, "SEK": 6}, "amount_max_minor", AMOUNT_MAX_MINOR),
    ("approval_above_minor", {"EUR": 5, "SEK": 6}, "approval_above_minor", None),
    ("due_days", 14, "due_within", None),
]
EACH_LIMIT = pytest.mark.parametrize(("field", "value", "name", "unlimited"), TAKEN_AWAY)


@EACH_LIMIT
def test_without_takes_away_what_earlier_layers_limit(
    field: str, value: Any, name: str, unlimited: Any
) -> None:
    for earlier, later in combinations(LAYERS, 2):
        terms = {earlier: {field: value}, later: {"without": [field]}}
        for currency in ("EUR", "SEK", "JPY"):
            assert getattr(held(terms, currency=currency), name) == unlimited


@EACH_LIMIT
def test_without_leaves_what_its_own_layer_or_a_later_one_limits(
    field: str, value: Any, name: str, unlimited: Any
) -> None:
    for layer in LAYERS:
        own = held({layer: {field: value, "without": [field]}})
        assert own == held({layer: {field: value}})
        assert getattr(own, name) != unlimited
    for earlier, later in combinations(LAYERS, 2):
        terms = {earlier: {"without": [field]}, later: {field: value}}
        assert held(terms) == held({later: {field: value}})


@EACH_LIMIT
def test_without_takes_nothing_else_away(field: str, value: Any, name: str, unlimited: Any) -> None:
    everything = {told: limit for told, limit, *_ in TAKEN_AWAY}
    rest = {told: limit for told, limit in everything.items() if told != field}
    terms = {"defaults": everything, "merchant": {"without": [field]}}
    assert held(terms) == held({"defaults": rest})


def test_without_may_name_several_or_none_or_what_nobody_limits() -> None:
    everything = {told: limit for told, limit, *_ in TAKEN_AWAY}
    names = list(everything)
    assert held({"defaults": everything, "market": {"without": names}}) == Policy()
    assert held({"defaults": everything, "market": {"without": []}}) == held(
        {"defaults": everything}
    )
    assert held({"defaults": {"without": names}, "market": {"without": names}}) == Policy()
    assert held({"defaults": everything, "market": {"without": names * 2}}) == Policy()


def test_without_in_one_market_leaves_the_others() -> None:
    terms: dict[str, Json] = {
        "merchant": {"window_days": 30},
        "merchant's market": {"without": ["window_days"]},
    }
    assert held(terms).window is None
    assert held(terms, market="SE").window == timedelta(30)


AMOUNTS = ["amount_min_minor", "amount_max_minor", "approval_above_minor"]


@pytest.mark.parametrize("field", AMOUNTS)
@EACH_LAYER
def test_a_currency_that_is_not_named_has_no_limit(layer: str, field: str) -> None:
    terms = {layer: {field: {"EUR": 5, "JPY": 7}}}
    assert getattr(held(terms), field) == 5
    assert getattr(held(terms, currency="JPY"), field) == 7
    for currency in ("SEK", "KWD", "USD", "eur", ""):
        assert held(terms, currency=currency) == Policy()
    assert held({layer: {field: {}}}) == Policy()


@pytest.mark.parametrize("field", AMOUNTS)
def test_an_amount_is_overridden_in_its_own_currency_only(field: str) -> None:
    for earlier, later in combinations(LAYERS, 2):
        terms = {earlier: {field: {"EUR": 5, "SEK": 6}}, later: {field: {"EUR": 9, "JPY": 8}}}
        told = [getattr(held(terms, currency=c), field) for c in ("EUR", "SEK", "JPY")]
        assert told == [9, 6, 8]


@pytest.mark.parametrize("amount", [0, 1, 10**12 - 1, 10**12])
@pytest.mark.parametrize("field", AMOUNTS)
def test_amounts_hold_as_they_are_up_to_the_largest(field: str, amount: int) -> None:
    assert getattr(held({"merchant": {field: {"EUR": amount}}}), field) == amount


def fee(**told: Any) -> Json:
    """Terms of return fees."""
    return {"return_fee": told}


def layer_pairs() -> Iterator[tuple[str, str]]:
    """Each layer with each later one."""
    yield from combinations(LAYERS, 2)


def test_a_fee_is_kept_only_where_it_is_allowed() -> None:
    caps = fee(cap_minor={"EUR": 500}, cap_basis_points=1000, tax_rate=1900)
    for layer in LAYERS:
        assert held({layer: caps}).return_fee is None
        assert held({layer: fee(allowed=True)}).return_fee == FeePolicy(None, None, 0)
        assert held({layer: fee(allowed=False)}).return_fee is None
    for earlier, later in layer_pairs():
        allowed, forbidden = fee(allowed=True), fee(allowed=False)
        assert held({earlier: allowed, later: forbidden}).return_fee is None
        assert held({earlier: forbidden, later: allowed}).return_fee is not None
        assert held({earlier: allowed, later: caps}).return_fee == FeePolicy(500, 1000, 1900)
        assert held({earlier: caps, later: allowed}).return_fee == FeePolicy(500, 1000, 1900)


def test_terms_of_fees_are_overridden_field_by_field() -> None:
    full = fee(allowed=True, cap_minor={"EUR": 500, "SEK": 5}, cap_basis_points=1000, tax_rate=1900)
    for earlier, later in layer_pairs():
        for told, expected in (
            (fee(cap_minor={"EUR": 0}), FeePolicy(0, 1000, 1900)),
            (fee(cap_minor={"SEK": 9}), FeePolicy(500, 1000, 1900)),
            (fee(cap_basis_points=0), FeePolicy(500, 0, 1900)),
            (fee(tax_rate=0), FeePolicy(500, 1000, 0)),
            (fee(without=["cap_minor"]), FeePolicy(None, 1000, 1900)),
            (fee(without=["cap_basis_points"]), FeePolicy(500, None, 1900)),
            (fee(without=["cap_minor"], cap_minor={"EUR": 7}), FeePolicy(7, 1000, 1900)),
            (fee(without=["cap_minor", "cap_basis_points"]), FeePolicy(None, None, 1900)),
            ({"return_fee": {}}, FeePolicy(500, 1000, 1900)),
            ({"without": ["window_days", "due_days"]}, FeePolicy(500, 1000, 1900)),
        ):
            assert held({earlier: full, later: told}).return_fee == expected
    assert held({"defaults": full}, currency="JPY").return_fee == FeePolicy(None, 1000, 1900)


def test_a_merchant_may_have_any_id_that_messages_may_have() -> None:
    ids = ["a.b", 'quote"d', "M\u00fcller & S\u00f6hne", "markets", "x" * 255, "[1]", " a "]
    merchants = {name: {"refunds_max": n} for n, name in enumerate(ids, 1)}
    file = parse(PolicyFile, {"version": 1, "merchants": merchants})
    for number, name in enumerate(ids, 1):
        assert resolve(file, name, "DE", "EUR").refunds_max == number
