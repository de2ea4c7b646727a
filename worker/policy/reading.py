"""Read the policy file, and find what holds for a merchant, a market and a currency.

Later terms override earlier ones, field by field: `defaults`, `markets.XX`, `merchants."id"`,
`merchants."id".markets.XX`. `without = ["window_days"]` takes earlier limits away. Amounts are
minor units by currency, such as `{ EUR = 50000, JPY = 60000 }`.
"""

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt

from models.messages import fields
from models.messages.parsing import parse
from models.values import limits
from models.values.policies import FeePolicy, Policy
from worker.errors import NotConfiguredError
from worker.settings import settings

Days = Annotated[StrictInt, Field(ge=0, le=36_500)]
Count = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
Amounts = dict[fields.CurrencyCode, fields.NonNegativeMinor]


class FeeTerms(fields.Message):
    """Terms of return fees. `cap_basis_points` is of the refunded amount before the fee."""

    allowed: StrictBool | None = None
    cap_minor: Amounts | None = None
    cap_basis_points: Annotated[StrictInt, Field(ge=0, le=10_000)] | None = None
    tax_rate: fields.BasisPoints | None = None
    without: tuple[Literal["cap_minor", "cap_basis_points"], ...] = Field((), strict=False)


class Terms(fields.Message):
    """Terms of refunds."""

    window_days: Days | None = None
    """Days from the capture in which a refund may be asked for."""
    refunds_max: Count | None = None
    """How many refunds an order may have."""
    amount_min_minor: Amounts | None = None
    amount_max_minor: Amounts | None = None
    approval_above_minor: Amounts | None = None
    """Above this another person must approve."""
    returns_await_goods: StrictBool | None = None
    """Whether refunds for the reason `return` wait until the goods are back."""
    due_days: Days | None = None
    """Days from the request in which the customer must be repaid."""
    without: tuple[
        Literal[
            "window_days",
            "refunds_max",
            "amount_min_minor",
            "amount_max_minor",
            "approval_above_minor",
            "due_days",
        ],
        ...,
    ] = Field((), strict=False)
    """Limits of wider terms that do not count here."""
    return_fee: FeeTerms = FeeTerms()


class MerchantTerms(Terms):
    """A merchant's own terms, and those it has in some markets."""

    markets: dict[fields.MarketCode, Terms] = Field(default_factory=dict)


class PolicyFile(fields.Message):
    """The whole file."""

    version: fields.Version1
    defaults: Terms = Terms()
    markets: dict[fields.MarketCode, Terms] = Field(default_factory=dict)
    merchants: dict[fields.Identifier, MerchantTerms] = Field(default_factory=dict)


def policy_of(merchant_id: str, market: str, currency: str) -> Policy:
    """What holds for a merchant in a market and a currency.

    Raises:
        NotConfiguredError: the policy file cannot be used; the text names the field.
    """
    return _resolved(settings().policy_file, merchant_id, market, currency)


def read_policy(path: Path | None) -> PolicyFile:
    """The policy of a file, or the default one.

    Raises:
        NotConfiguredError: the file cannot be used; the text names the field.
    """
    try:
        if path is None:
            text = (files("worker.policy") / "default.toml").read_text(encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
        return parse(PolicyFile, tomllib.loads(text))
    except (OSError, ValueError, RecursionError) as error:
        raise NotConfiguredError(f"the policy file {path} cannot be used: {error}") from error


@cache
def _read_once(path: Path | None) -> PolicyFile:
    return read_policy(path)


# Merchants' ids come from messages: whatever comes, the cache stays small.
@lru_cache(maxsize=10_000)
def _resolved(path: Path | None, merchant_id: str, market: str, currency: str) -> Policy:
    return resolve(_read_once(path), merchant_id, market, currency)


def resolve(file: PolicyFile, merchant_id: str, market: str, currency: str) -> Policy:
    """What holds by a file for a merchant in a market and a currency."""
    merchant = file.merchants.get(merchant_id, MerchantTerms())
    layers = [
        file.defaults,
        file.markets.get(market, Terms()),
        merchant,
        merchant.markets.get(market, Terms()),
    ]
    fees = _merged([layer.return_fee for layer in layers], currency)
    terms = _merged(layers, currency)
    return Policy(
        return_fee=FeePolicy(
            fees.get("cap_minor"), fees.get("cap_basis_points"), fees.get("tax_rate", 0)
        )
        if fees.get("allowed")
        else None,
        window=_days(terms.get("window_days")),
        refunds_max=terms.get("refunds_max"),
        amount_min_minor=terms.get("amount_min_minor", 0),
        amount_max_minor=terms.get("amount_max_minor", limits.AMOUNT_MAX_MINOR),
        approval_above_minor=terms.get("approval_above_minor"),
        returns_await_goods=terms.get("returns_await_goods", False),
        due_within=_days(terms.get("due_days")),
    )


def _merged(layers: list[Any], currency: str) -> dict[str, Any]:
    """The last value of each field that is told at all; of amounts, the currency's."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for name in layer.without:
            merged.pop(name, None)
        for name in layer.model_fields_set:
            value = getattr(layer, name)
            if isinstance(value, Mapping):
                value = value.get(currency)
            if value is not None:
                merged[name] = value
    return merged


def _days(days: int | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)
