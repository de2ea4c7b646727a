"""The default file against what Klarna and the EU directive say, market by market."""

from datetime import timedelta
from importlib.resources import files

import pytest

from models.messages.fields import MARKETS
from models.values.policies import FeePolicy, Policy
from worker.policy.reading import FeeTerms, Terms, policy_of, read_policy, resolve

FEE_TAX_RATES = {
    "AT": 2000,
    "AU": 1000,
    "CZ": 2100,
    "DE": 1900,
    "DK": 2500,
    "ES": 2100,
    "FI": 2550,
    "FR": 2000,
    "GR": 2400,
    "IE": 2300,
    "IT": 2200,
    "NL": 2100,
    "NO": 2500,
    "PT": 2300,
    "SE": 2500,
}
"""Klarna's markets for return fees, with their standard rates of VAT or GST in basis points."""

EU = {
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
    *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
}
SAME_RULE = {"GB", "IS", "LI", "NO"}
"""The United Kingdom and the rest of the EEA."""

TWO_WEEKS = timedelta(days=14)


def default_of(market: str, currency: str = "EUR") -> Policy:
    """What the default file says of a market, to a merchant that it does not know."""
    return resolve(read_policy(None), "merchant", market, currency)


def test_return_fees_are_allowed_exactly_in_klarnas_markets() -> None:
    klarna = {
        *("AT", "DE", "DK", "FI", "FR", "NL", "NO", "SE"),
        *("IT", "ES", "IE", "PT", "CZ", "AU", "GR"),
    }
    assert {market for market in MARKETS if default_of(market).return_fee} == klarna
    assert set(FEE_TAX_RATES) == klarna


@pytest.mark.parametrize("market", FEE_TAX_RATES)
def test_a_fee_has_the_markets_standard_rate_of_tax_and_no_cap(market: str) -> None:
    assert default_of(market).return_fee == FeePolicy(None, None, FEE_TAX_RATES[market])


def test_the_customer_is_repaid_in_14_days_in_the_eu_and_where_the_same_rule_holds() -> None:
    assert len(EU) == 27
    due = {market: default_of(market).due_within for market in MARKETS}
    assert {market for market in EU if due[market] != TWO_WEEKS} == set()
    assert {market for market in MARKETS if due[market] is not None} == EU | SAME_RULE
    assert set(due.values()) == {TWO_WEEKS, None}


@pytest.mark.parametrize("currency", ["EUR", "SEK", "JPY", "KWD", "UYW"])
def test_nothing_else_is_limited_anywhere(currency: str) -> None:
    for market in MARKETS:
        policy = default_of(market, currency)
        assert policy == Policy(return_fee=policy.return_fee, due_within=policy.due_within)
        assert policy == default_of(market)


def test_a_market_that_the_file_does_not_name_has_no_terms_at_all() -> None:
    for market in ("US", "JP", "BR", "", "de", "ZZ"):
        assert default_of(market) == Policy()


def test_the_file_names_no_merchant_and_sets_nothing_for_all() -> None:
    file = read_policy(None)
    assert file.version == 1
    assert file.merchants == {}
    assert file.defaults == Terms()
    assert {market for market, terms in file.markets.items() if terms.return_fee != FeeTerms()} == (
        set(FEE_TAX_RATES)
    )


def test_the_file_comes_with_the_package_and_is_used_when_none_is_set() -> None:
    assert (files("worker.policy") / "default.toml").is_file()
    for market in ("SE", "BE", "AU", "US"):
        assert policy_of("merchant", market, "SEK") == default_of(market, "SEK")
