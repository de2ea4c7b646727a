"""Conditions that operators write: what is read, and what is said of what cannot be."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.rules.selecting import (
    FIELDS,
    UNITS,
    BadConditionError,
    Condition,
    parse_condition,
)

HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("code=attempts_exhausted", Condition(code="attempts_exhausted")),
        ("provider=klarna", Condition(provider="klarna")),
        ("merchant=m-1", Condition(merchant="m-1")),
        ("task=refunds.request", Condition(task="refunds.request")),
        ("older than 3h", Condition(older_than=3 * HOURS)),
        ("older than 90m", Condition(older_than=timedelta(minutes=90))),
        ("older than 2d", Condition(older_than=timedelta(days=2))),
        ("older than 0m", Condition(older_than=timedelta(0))),
        ("older than 3 h", Condition(older_than=3 * HOURS)),
        ("older than 999999d", Condition(older_than=timedelta(days=999999))),
        (
            "provider=klarna and older than 2h",
            Condition(provider="klarna", older_than=2 * HOURS),
        ),
        (
            "older than 2h and provider=klarna",
            Condition(provider="klarna", older_than=2 * HOURS),
        ),
        (
            "code=c and provider=p and merchant=m and task=t and older than 1d",
            Condition("c", "p", "m", "t", timedelta(days=1)),
        ),
        # As it is written by hand.
        ("  code = c  and  provider =p", Condition(code="c", provider="p")),
        ("code= c", Condition(code="c")),
        # A value is taken as it stands.
        ("code=a=b", Condition(code="a=b")),
        ("merchant=Möbel & Söhne", Condition(merchant="Möbel & Söhne")),
        ("merchant=Sandy Anders", Condition(merchant="Sandy Anders")),
        # There is no `or`: it is a part of a value, which then fits nothing.
        ("code=a or provider=b", Condition(code="a or provider=b")),
    ],
)
def test_what_is_read(text: str, condition: Condition) -> None:
    assert parse_condition(text) == condition


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", ""),
        ("   ", ""),
        ("provider", "provider"),
        ("provider=", "provider="),
        ("provider= ", "provider="),
        ("=klarna", "=klarna"),
        ("provider:klarna", "provider:klarna"),
        ("colour=red", "colour=red"),
        ("older_than=3h", "older_than=3h"),
        ("Provider=klarna", "Provider=klarna"),
        ("provider  =klarna", "provider  =klarna"),
        ("code=a\nb", "code=a\nb"),
        ("older than", "older than"),
        ("older than h", "older than h"),
        ("older than 3", "older than 3"),
        ("older than 3w", "older than 3w"),
        ("older than 3H", "older than 3H"),
        ("older than -3h", "older than -3h"),
        ("older than 1.5h", "older than 1.5h"),
        ("older than ٣h", "older than ٣h"),
        ("older than 1000000m", "older than 1000000m"),
        ("older  than 3h", "older  than 3h"),
        ("younger than 3h", "younger than 3h"),
        # Each once.
        ("code=a and code=b", "code=b"),
        ("code=a and code=a", "code=a"),
        ("older than 2h and older than 2h", "older than 2h"),
        # The part at fault is named, wherever it stands.
        ("code=a and what and task=t", "what"),
        ("code=a and  and task=t", ""),
        (" and code=a", ""),
        ("code=a and ", ""),
        ("merchant=Sand and Sons=Co", "Sons=Co"),
    ],
)
def test_what_is_not_read_is_named_with_what_to_say_instead(text: str, part: str) -> None:
    told = (
        f"cannot read {part!r}: say code=…, provider=…, merchant=…, task=… or "
        "'older than 3h' (m, h, d), each once, joined by 'and'"
    )
    with pytest.raises(BadConditionError, match=f"^{re.escape(told)}$"):
        parse_condition(text)


def test_a_bad_condition_is_a_value_error() -> None:
    assert issubclass(BadConditionError, ValueError)


WORDS = st.from_regex(r"[a-z0-9_.-]{1,20}", fullmatch=True)


@given(
    st.dictionaries(st.sampled_from(FIELDS), WORDS),
    st.tuples(st.integers(0, 999_999), st.sampled_from(sorted(UNITS))),
    st.data(),
)
def test_whatever_is_put_together_is_read_in_any_order(
    told: dict[str, str], older: tuple[int, str], data: st.DataObject
) -> None:
    parts = [
        *(f"{name}={value}" for name, value in told.items()),
        f"older than {older[0]}{older[1]}",
    ]
    text = " and ".join(data.draw(st.permutations(parts)))
    assert parse_condition(text) == Condition(**told, older_than=older[0] * UNITS[older[1]])


@given(st.text(max_size=40) | st.from_regex(r"(older than |code ?= ?|and | )*[a-z0-9=]*"))
def test_any_text_is_read_or_refused_in_one_way(text: str) -> None:
    try:
        found = parse_condition(text)
    except BadConditionError:
        return
    assert found != Condition()
