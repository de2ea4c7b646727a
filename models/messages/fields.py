"""Field types of the wire contract. Every one is bounded and strict."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from iso4217 import Currency
from pycountry import countries
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from models.values import limits

CURRENCIES = frozenset(currency.code for currency in Currency if currency.exponent is not None)
"""ISO 4217 codes that have a minor unit (XAU and the like have none)."""

MARKETS = frozenset(country.alpha_2 for country in countries)
"""ISO 3166-1 alpha-2 codes."""

YEAR_MIN, YEAR_MAX = 2000, 2200

_DATE_AND_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9][0-9:.,+Zz -]*")
# With an exponent too: real exports hold 5E+1 (Online Retail).
_DECIMAL = re.compile(r"-?[0-9]{1,14}(\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Message(BaseModel):
    """A message: immutable, no unknown fields, nothing coerced."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, ser_json_bytes="base64"
    )


def _known_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise PydanticCustomError(
            "currency", "{code} is no ISO 4217 currency in use", {"code": code}
        )
    return code


def _known_market(code: str) -> str:
    if code not in MARKETS:
        raise PydanticCustomError("market", "{code} is no ISO 3166-1 country", {"code": code})
    return code


def _moment(value: Any) -> Any:
    """Text or a datetime. Numbers would be read as Unix time, in seconds or maybe milliseconds."""
    if isinstance(value, str):
        fault = PydanticCustomError(
            "datetime", "is no ISO 8601 date and time, such as 2026-11-24T09:30:00Z"
        )
        # Python takes more than RFC 3339: week dates, and any character between date and time.
        if not _DATE_AND_TIME.fullmatch(value):
            raise fault
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise fault from error
    return value


def _whole(value: Any) -> Any:
    """Literal[1] would take 1.0 and true."""
    if type(value) is not int:
        raise PydanticCustomError("version", "must be a whole number")
    return value


def _sane_year(value: datetime) -> datetime:
    # One spelling a moment: 10:30+01:00 and 09:30Z are the same content.
    # In the years 1 and 9999 there may be no such moment in UTC: refused below.
    with suppress(OverflowError):
        value = value.astimezone(UTC)
    if not YEAR_MIN <= value.year <= YEAR_MAX:
        raise PydanticCustomError(
            "year",
            "the year must lie within {low} and {high}",
            {"low": YEAR_MIN, "high": YEAR_MAX},
        )
    return value


def _decimal(value: Any) -> Any:
    """Decimal text. A JSON number may have gone through a float on its way."""
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("decimal", 'must be decimal text, such as "12.50"')
    # Decimal() would also take underscores, blanks, words and other scripts' digits.
    if not _DECIMAL.fullmatch(value):
        raise PydanticCustomError("decimal", 'is no decimal text, such as "12.50"')
    # One spelling a number: 40.0 and 40.00 are the same content.
    return Decimal(f"{Decimal(value).normalize() + 0:f}")


def text_only(value: Any) -> Any:
    """An Enum would write out whatever it is given, however deep."""
    if not isinstance(value, str):
        raise PydanticCustomError("text", "must be text")
    return value


def _uuid(value: Any) -> Any:
    """The usual text form only: UUID() would also take braces, URNs and bare digits."""
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise PydanticCustomError("uuid", "is no UUID")
    return UUID(value)


# Printable, no control characters, not only blanks: ids end up in logs, tables and provider calls.
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"

Version1 = Annotated[Literal[1], BeforeValidator(_whole)]

Identifier = Annotated[
    str,
    StringConstraints(
        strict=True, min_length=1, max_length=limits.ID_MAX_LENGTH, pattern=_PRINTABLE
    ),
]
Name = Annotated[
    str,
    StringConstraints(strict=True, max_length=limits.NAME_MAX_LENGTH, pattern=r"^[^\x00]*$"),
]
Person = Annotated[
    str,
    StringConstraints(
        strict=True, min_length=1, max_length=limits.PERSON_MAX_LENGTH, pattern=_PRINTABLE
    ),
]
"""Who did something: a user's id in the upstream's own terms, rather than a name."""
Note = Annotated[
    str,
    StringConstraints(strict=True, max_length=limits.NOTE_MAX_LENGTH, pattern=r"^[^\x00]*$"),
]
RefundId = Annotated[UUID, BeforeValidator(_uuid, json_schema_input_type=str)]
ProviderName = Annotated[
    str, StringConstraints(strict=True, max_length=40, pattern=r"^[a-z][a-z0-9_-]*$")
]
CurrencyCode = Annotated[
    str, StringConstraints(strict=True, pattern=r"^[A-Z]{3}$"), AfterValidator(_known_currency)
]
MarketCode = Annotated[
    str, StringConstraints(strict=True, pattern=r"^[A-Z]{2}$"), AfterValidator(_known_market)
]
Moment = Annotated[AwareDatetime, BeforeValidator(_moment), AfterValidator(_sane_year)]
PositiveMinor = Annotated[StrictInt, Field(gt=0, le=limits.AMOUNT_MAX_MINOR)]
NonNegativeMinor = Annotated[StrictInt, Field(ge=0, le=limits.AMOUNT_MAX_MINOR)]
SignedMinor = Annotated[StrictInt, Field(ge=-limits.AMOUNT_MAX_MINOR, le=limits.AMOUNT_MAX_MINOR)]
Quantity = Annotated[StrictInt, Field(gt=0, le=limits.QUANTITY_MAX)]
BasisPoints = Annotated[StrictInt, Field(ge=0, le=limits.TAX_RATE_MAX_BASIS_POINTS)]
UnitPrice = Annotated[
    Decimal,
    BeforeValidator(_decimal, json_schema_input_type=str),
    Field(max_digits=20, decimal_places=6),
]
"""Major units, tax included, before discount; decimal text. Told for people: totals decide."""


def exponent_of(currency: str) -> int:
    """How many decimals the currency's minor unit has (ISO 4217)."""
    return Currency(currency).exponent or 0
