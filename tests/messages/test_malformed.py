"""Every field with everything it must refuse, and arbitrary damage: the field is named."""

import copy
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from models.messages.captures import CaptureRecordV1
from models.messages.parsing import FAULTS_MAX, Fault, InvalidMessageError, fingerprint, parse
from models.messages.refunds import RefundRequestV1
from models.values import limits

Json = dict[str, Any]
Path = tuple[str | int, ...]

CAPTURE: Json = {
    "version": 1,
    "merchant_id": "merchant",
    "order_id": "order",
    "capture_id": "capture",
    "captured_at": "2026-11-24T09:30:00Z",
    "market": "SE",
    "currency": "SEK",
    "provider": "sandbox",
    "provider_references": {"order_id": "ord-9"},
    "lines": [
        {
            "line_id": "1",
            "type": "physical",
            "reference": "SKU",
            "name": "Tea cup",
            "quantity": 3,
            "unit_price": "40.00",
            "total_amount_minor": 11_000,
            "total_discount_minor": 1_000,
            "tax_rate": 2_500,
            "total_tax_minor": 2_200,
        },
        {"line_id": "2", "type": "discount", "quantity": 1, "total_amount_minor": -500},
    ],
    "customer_paid_minor": 10_000,
}
REQUEST: Json = {
    "version": 1,
    "merchant_id": "merchant",
    "idempotency_key": "key",
    "order_id": "order",
    "kind": "lines",
    "currency": "SEK",
    "lines": [
        {"line_id": "1", "quantity": 2, "capture_id": "capture"},
        {"line_id": "1", "amount_minor": 7},
    ],
    "return_fee_minor": 3,
    "reason": "return",
    "reference": "RMA 7",
    "requested_at": "2026-11-24T09:30:00+01:00",
}
AMOUNT: Json = {
    "merchant_id": "merchant",
    "idempotency_key": "key",
    "order_id": "order",
    "kind": "amount",
    "amount_minor": 7,
}


def named(model: type[BaseModel], value: Any) -> list[str]:
    """The fields at fault; none when the message parses."""
    faults = faults_of(model, value)
    assert all(fault.message for fault in faults)
    return [fault.field for fault in faults]


def faults_of(model: type[BaseModel], value: Any) -> list[Fault]:
    """The faults; none when the message parses."""
    try:
        parse(model, value)
    except InvalidMessageError as error:
        found = error
    else:
        return []
    assert 0 < len(found.faults) <= FAULTS_MAX
    str(found).encode()  # can be logged and stored
    return found.faults


def changed(message: Json, path: Path, value: Any) -> Json:
    """A copy with another value at the path."""
    copied = copy.deepcopy(message)
    inner: Any = copied
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return copied


def shown(path: Path) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


BLANK = ["", " ", "\t", "\u00a0\u2003"]
CONTROL = ["a\x00b", "a\nb", "a\n", "\ra", "a\x1b[31m", "a\x7f"]
NO_TEXT: list[Any] = [None, 1, 1.5, True, [], {}, ["a"], float("nan")]
LONG = "x" * (limits.ID_MAX_LENGTH + 1)
BAD_IDENTIFIERS: list[Any] = [
    *BLANK,
    *CONTROL,
    *(one for one in NO_TEXT if one is not None),
    LONG,
    "\ud800",
]
BAD_NUMBERS: list[Any] = [
    1.5,
    1.0,
    float("nan"),
    math.inf,
    -math.inf,
    True,
    False,
    "1",
    "",
    [],
    {},
    10**30,
]
BAD_MOMENTS: list[Any] = [
    "2026-11-24T09:30:00",
    "2026-11-24",
    "09:30:00Z",
    "24.11.2026 09:30",
    "now",
    "",
    "1763976600",
    1763976600,
    1763976600.0,
    True,
    [],
    "0001-01-01T00:00:00Z",
    "1999-12-31T23:59:59Z",
    "2000-01-01T00:30:00+01:00",  # still 1999 in UTC, as it is stored
    "2200-12-31T23:30:00-01:00",
    "9999-12-31T23:59:59Z",
    "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-11-24T09:30:00+25:00",
]
BAD_PRICES: list[Any] = [40, 40.0, True, "NaN", "-inf", "1e400", "x", "", "1,5", [], "9.0000001"]
BAD_CURRENCIES = ["XAU", "XXX", "XTS", "sek", "SE", "SEKK", "ZZZ", "", "SEK\n", 752, True, []]
BAD_MARKETS = ["ZZ", "UK", "EU", "se", "SWE", "", "SE\n", None, 752, True]
BAD_VERSIONS = [0, 2, -1, "1", None, [1], 1.5]


def capture_table() -> Iterator[tuple[Path, list[Any]]]:
    for field in ("merchant_id", "order_id", "capture_id"):
        yield (field,), [*BAD_IDENTIFIERS, None]
    yield ("version",), BAD_VERSIONS
    yield ("captured_at",), [*BAD_MOMENTS, None]
    yield ("market",), BAD_MARKETS
    yield ("currency",), [*BAD_CURRENCIES, None]
    yield ("provider",), ["", "Sandbox", "a b", "1a", "x" * 41, "a\n", "\uff41", *NO_TEXT]
    yield ("provider_references",), [None, [], "a", 1, True]
    yield ("provider_references", "order_id"), BAD_IDENTIFIERS
    yield ("lines",), [[], None, {}, "", "abc", 1, True, {"0": {}}]
    yield ("lines", 0), [None, [], "a", 1, True, [{}]]
    line = ("lines", 0)
    yield (*line, "line_id"), [*BAD_IDENTIFIERS, None]
    yield (*line, "type"), ["", "gift", "PHYSICAL", None, 1, True, [], {}]
    yield (*line, "reference"), [LONG, "a\x00", "\ud800", *NO_TEXT]
    yield (*line, "name"), [LONG, "a\x00", "\ud800", *NO_TEXT]
    yield (*line, "quantity"), [*BAD_NUMBERS, None, 0, -1, limits.QUANTITY_MAX + 1]
    yield (*line, "unit_price"), BAD_PRICES
    yield (*line, "total_amount_minor"), [*BAD_NUMBERS, None, limits.AMOUNT_MAX_MINOR + 1]
    yield (*line, "total_discount_minor"), [*BAD_NUMBERS, None, -1, limits.AMOUNT_MAX_MINOR + 1]
    yield (*line, "tax_rate"), [*BAD_NUMBERS, None, -1, limits.TAX_RATE_MAX_BASIS_POINTS + 1]
    yield (*line, "total_tax_minor"), [*BAD_NUMBERS, None, -1, 11_001, -(10**12) - 1]
    yield ("lines", 1, "total_amount_minor"), [1, 500, -(10**12) - 1]
    yield ("lines", 1, "total_tax_minor"), [1, -501]
    yield ("lines", 1, "line_id"), ["1"]
    yield ("customer_paid_minor",), [*BAD_NUMBERS, -1, 10_501, limits.AMOUNT_MAX_MINOR + 1]


def request_table() -> Iterator[tuple[Path, list[Any]]]:
    for field in ("merchant_id", "idempotency_key", "order_id"):
        yield (field,), [*BAD_IDENTIFIERS, None]
    yield ("version",), BAD_VERSIONS
    yield ("kind",), ["", "all", "FULL", "Lines", None, 1, True, [], {}]
    yield ("currency",), BAD_CURRENCIES
    yield ("lines",), [[], None, {}, "", "abc", 1, True]
    yield ("lines", 0), [None, [], "a", 1, True, [{}]]
    yield ("lines", 0, "line_id"), [*BAD_IDENTIFIERS, None]
    yield ("lines", 0, "capture_id"), BAD_IDENTIFIERS
    yield ("lines", 0, "quantity"), [*BAD_NUMBERS, None, 0, -1, limits.QUANTITY_MAX + 1]
    yield ("lines", 1, "amount_minor"), [*BAD_NUMBERS, 0, -1, limits.AMOUNT_MAX_MINOR + 1]
    yield ("amount_minor",), [*BAD_NUMBERS, 0, -1, 5, limits.AMOUNT_MAX_MINOR + 1]
    yield ("return_fee_minor",), [*BAD_NUMBERS, None, -1, limits.AMOUNT_MAX_MINOR + 1]
    yield ("reason",), [*BLANK, *CONTROL, "x" * (limits.REASON_MAX_LENGTH + 1), "\ud800", 1, []]
    yield ("reference",), [LONG, "a\x00", "\ud800", 1, True, []]
    yield ("requested_at",), BAD_MOMENTS


Table = Callable[[], Iterator[tuple[Path, list[Any]]]]


def cases(table: Table, message: Json) -> list[tuple[Json, str]]:
    return [
        (changed(message, path, bad), shown(path)) for path, values in table() for bad in values
    ]


def ids(table: Table) -> list[str]:
    return [f"{shown(path)}={ascii(bad)[:30]}" for path, values in table() for bad in values]


@pytest.mark.parametrize(
    ("message", "field"), cases(capture_table, CAPTURE), ids=ids(capture_table)
)
def test_a_capture_names_exactly_the_field_that_is_wrong(message: Json, field: str) -> None:
    assert named(CaptureRecordV1, message) == [field]


@pytest.mark.parametrize(
    ("message", "field"), cases(request_table, REQUEST), ids=ids(request_table)
)
def test_a_request_names_exactly_the_field_that_is_wrong(message: Json, field: str) -> None:
    assert named(RefundRequestV1, message) == [field]


def test_what_the_tables_are_made_from_is_valid() -> None:
    assert named(CaptureRecordV1, CAPTURE) == []
    assert named(RefundRequestV1, REQUEST) == []
    assert named(RefundRequestV1, AMOUNT) == []


@pytest.mark.parametrize("version", [True, 1.0])
@pytest.mark.parametrize(
    ("model", "message"), [(CaptureRecordV1, CAPTURE), (RefundRequestV1, REQUEST)]
)
def test_a_version_is_an_integer(model: type[BaseModel], message: Json, version: Any) -> None:
    assert named(model, message | {"version": version}) == ["version"]


@pytest.mark.parametrize("text", ["a\x80b", "a\x85b", "a\x9b31mb", "a\x9f"], ids=ascii)
@pytest.mark.parametrize("field", ["merchant_id", "order_id", "idempotency_key", "reason"])
def test_the_upper_control_characters_are_control_characters(field: str, text: str) -> None:
    """U+009B starts a terminal escape sequence, as ESC [ does."""
    assert named(RefundRequestV1, REQUEST | {field: text}) == [field]


@pytest.mark.parametrize("price", ["4_0", "\uff14\uff10.00", " 40.00 ", "\u0664\u0660"], ids=ascii)
def test_a_unit_price_is_plain_decimal_text(price: str) -> None:
    message = changed(CAPTURE, ("lines", 0, "unit_price"), price)
    assert named(CaptureRecordV1, message) == ["lines[0].unit_price"]


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-24x09:30:00Z",
        "2026-11-24\ud80009:30:00Z",
        "2026-11-24\n09:30:00Z",
        "2026-W48-2T09:30Z",
    ],
    ids=ascii,
)
def test_a_moment_is_of_the_form_that_the_schema_publishes(moment: str) -> None:
    """`format: date-time` is RFC 3339: a T between date and time, calendar dates only."""
    assert named(RefundRequestV1, REQUEST | {"requested_at": moment}) == ["requested_at"]


@pytest.mark.parametrize(
    ("model", "message"),
    [(CaptureRecordV1, CAPTURE), (RefundRequestV1, REQUEST), (RefundRequestV1, AMOUNT)],
)
def test_an_absent_field_is_named_unless_it_has_a_default(
    model: type[BaseModel], message: Json
) -> None:
    for field, info in model.model_fields.items():
        without = {name: value for name, value in message.items() if name != field}
        if info.is_required():
            assert named(model, without) == [field]
    assert named(model, {}) == [
        field for field, info in model.model_fields.items() if info.is_required()
    ]


@pytest.mark.parametrize("inner", ["line_id", "quantity", "total_amount_minor"])
def test_an_absent_field_of_a_captured_line_is_named(inner: str) -> None:
    message = copy.deepcopy(CAPTURE)
    del message["lines"][0][inner]
    assert named(CaptureRecordV1, message) == [f"lines[0].{inner}"]


def test_a_refunded_line_needs_its_id_and_one_measure() -> None:
    for line, field in [
        ({"quantity": 1}, "line_id"),
        ({"line_id": "1"}, "quantity"),
        ({"line_id": "1", "quantity": None, "amount_minor": None}, "quantity"),
        ({"line_id": "1", "quantity": 1, "amount_minor": 1}, "quantity"),
    ]:
        message = REQUEST | {"lines": [REQUEST["lines"][0], line]}
        assert named(RefundRequestV1, message) == [f"lines[1].{field}"]


@pytest.mark.parametrize("unknown", ["amount", "Merchant_id", "merchantId", "quantity ", "x" * 500])
def test_an_unknown_field_is_named_on_every_level(unknown: str) -> None:
    for model, message in ((CaptureRecordV1, CAPTURE), (RefundRequestV1, REQUEST)):
        assert named(model, message | {unknown: 1}) == [unknown]
        inner = changed(message, ("lines", 1, unknown), None)
        assert named(model, inner) == [f"lines[1].{unknown}"]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (REQUEST | {"kind": "full"}, "lines"),
        (REQUEST | {"kind": "amount", "amount_minor": 5}, "lines"),
        (AMOUNT | {"kind": "full"}, "amount_minor"),
        (AMOUNT | {"kind": "lines"}, "lines"),
        (AMOUNT | {"amount_minor": None}, "amount_minor"),
        (AMOUNT | {"lines": [{"line_id": "1", "quantity": 1}]}, "lines"),
        (REQUEST | {"amount_minor": 5}, "amount_minor"),
    ],
)
def test_a_kind_names_what_it_lacks_or_must_not_have(message: Json, field: str) -> None:
    assert named(RefundRequestV1, message) == [field]


def test_a_thousand_lines_are_taken_and_one_more_is_not() -> None:
    captured = [
        {"line_id": str(n), "quantity": 1, "total_amount_minor": 1}
        for n in range(limits.LINES_MAX + 1)
    ]
    asked = [{"line_id": str(n), "quantity": 1} for n in range(limits.LINES_MAX + 1)]
    bare = {name: value for name, value in CAPTURE.items() if name != "customer_paid_minor"}
    assert named(CaptureRecordV1, bare | {"lines": captured[:-1]}) == []
    assert named(CaptureRecordV1, bare | {"lines": captured}) == ["lines"]
    assert named(RefundRequestV1, REQUEST | {"lines": asked[:-1]}) == []
    assert named(RefundRequestV1, REQUEST | {"lines": asked}) == ["lines"]


def test_too_many_or_ill_named_provider_references_are_named() -> None:
    many = {f"r{n}": "x" for n in range(limits.REFERENCES_MAX + 1)}
    assert named(CaptureRecordV1, CAPTURE | {"provider_references": many}) == [
        "provider_references"
    ]
    for name in ("Order", "1", "", "a b", "a" * 65):
        (field,) = named(CaptureRecordV1, CAPTURE | {"provider_references": {name: "x"}})
        assert field.startswith("provider_references")


@pytest.mark.parametrize(
    ("lines", "paid", "field"),
    [
        ([(100, {}), (-100, {"type": "discount"})], None, "lines"),
        ([(100, {}), (-101, {"type": "discount"})], None, "lines"),
        ([(10**12, {}), (1, {})], None, "lines"),
        ([(100, {})], 101, "customer_paid_minor"),
        ([(100, {}), (-10, {"type": "discount"})], 91, "customer_paid_minor"),
        ([(100, {"unit_price": "1.02"})], None, "lines[0].total_amount_minor"),
        (
            [(100, {"unit_price": "1.00", "total_discount_minor": 2})],
            None,
            "lines[0].total_amount_minor",
        ),
        ([(100, {"total_tax_minor": 101})], None, "lines[0].total_tax_minor"),
    ],
)
def test_sums_that_do_not_add_up_are_named(
    lines: list[tuple[int, Json]], paid: int | None, field: str
) -> None:
    told = [
        {"line_id": str(n), "quantity": 1, "total_amount_minor": amount, **more}
        for n, (amount, more) in enumerate(lines)
    ]
    message = CAPTURE | {"lines": told, "customer_paid_minor": paid}
    assert named(CaptureRecordV1, message) == [field]


@pytest.mark.parametrize(
    ("currency", "price", "quantity", "total"),
    [
        ("EUR", "1.255", 2, 251),
        ("EUR", "0.33", 3, 100),
        ("JPY", "1000", 3, 3_000),
        ("JPY", "333.333", 3, 1_000),
        ("KWD", "1.234", 2, 2_468),
        ("EUR", "0", 5, 0),
    ],
)
def test_totals_follow_from_prices_in_the_currencys_own_minor_unit(
    currency: str, price: str, quantity: int, total: int
) -> None:
    line = {
        "line_id": "1",
        "quantity": quantity,
        "unit_price": price,
        "total_amount_minor": total,
    }
    paid = {"line_id": "2", "quantity": 1, "total_amount_minor": 5}
    message = CAPTURE | {"currency": currency, "lines": [line, paid], "customer_paid_minor": 0}
    assert named(CaptureRecordV1, message) == []
    tenfold = changed(message, ("lines", 0, "total_amount_minor"), total * 10 + 9)
    assert named(CaptureRecordV1, tenfold) == ["lines[0].total_amount_minor"]


def test_all_faults_are_told_at_once_up_to_a_limit() -> None:
    message = CAPTURE | {"market": "ZZ", "currency": "XAU", "order_id": ""}
    assert named(CaptureRecordV1, message) == ["order_id", "market", "currency"]
    many = REQUEST | {"lines": [{"line_id": "", "quantity": 1}] * 50}
    assert named(RefundRequestV1, many) == [f"lines[{n}].line_id" for n in range(FAULTS_MAX)]


@pytest.mark.parametrize("value", [None, [], [{}], "", "{}", 0, 1.5, True, float("nan"), b"{}"])
@pytest.mark.parametrize("model", [CaptureRecordV1, RefundRequestV1])
def test_what_is_no_object_is_said_to_be_none(model: type[BaseModel], value: Any) -> None:
    assert named(model, value) == [""]


@pytest.mark.parametrize("depth", [10, 1_000, 100_000])
def test_deep_nesting_is_a_fault_like_any_other(depth: int) -> None:
    deep: Any = 1
    for _ in range(depth):
        deep = [deep]
    assert named(RefundRequestV1, REQUEST | {"reason": deep}) == ["reason"]
    assert named(RefundRequestV1, REQUEST | {"lines": deep}) == ["lines[0]"]
    assert named(RefundRequestV1, REQUEST | {"x": deep}) == ["x"]
    assert named(RefundRequestV1, deep) == [""]


def test_a_fault_shows_what_was_sent_but_not_all_of_it() -> None:
    with pytest.raises(InvalidMessageError) as raised:
        parse(RefundRequestV1, REQUEST | {"order_id": "y" * 10**6})
    (fault,) = raised.value.faults
    assert "'yyy" in fault.message
    assert len(str(raised.value)) < 300


def test_an_unknown_field_without_a_name_is_told() -> None:
    (field,) = named(RefundRequestV1, REQUEST | {"": 1})
    assert field


def test_an_endless_integer_is_a_fault_like_any_other() -> None:
    message = REQUEST | {"return_fee_minor": 10**5000}
    with pytest.raises(InvalidMessageError):
        parse(RefundRequestV1, message)


TEXTS = st.text(st.characters(), max_size=8)  # lone surrogates and control characters too
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | TEXTS
    | st.sampled_from(["lines", "full", "SEK", "SE", "1", "1.5", "2026-11-24T09:30:00Z", "NaN"])
)
NAMES = TEXTS | st.sampled_from(sorted({*CAPTURE, *REQUEST, *CAPTURE["lines"][0]}))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=12,
)


@pytest.mark.parametrize("model", [CaptureRecordV1, RefundRequestV1])
@settings(max_examples=200, deadline=None)
@given(value=VALUES | st.dictionaries(NAMES, VALUES, max_size=10))
def test_arbitrary_json_never_raises_anything_but_named_faults(
    model: type[BaseModel], value: Any
) -> None:
    named(model, value)


def spots(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a message."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for step, one in inner:
        yield (*path, step)
        yield from spots(one, (*path, step))


@pytest.mark.parametrize(
    ("model", "message"),
    [(CaptureRecordV1, CAPTURE), (RefundRequestV1, REQUEST), (RefundRequestV1, AMOUNT)],
    ids=["capture", "request", "amount"],
)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_damage_to_a_valid_message_parses_or_names_a_field(
    model: type[BaseModel], message: Json, data: st.DataObject
) -> None:
    """Replaced, removed, added or doubled anywhere, once to three times."""
    damaged = copy.deepcopy(message)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(spots(damaged))))
        holder: Any = damaged
        for step in path[:-1]:
            holder = holder[step]
        last: Any = path[-1]
        way = data.draw(st.sampled_from(["replace", "replace", "remove", "add", "double"]))
        if way == "remove":
            del holder[last]
        elif way == "replace":
            holder[last] = data.draw(VALUES)
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]) if way == "double" else data.draw(VALUES))
        else:
            holder[data.draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5))] = 1
        if not damaged:
            break
    faults = faults_of(model, damaged)
    assert all(fault.field and fault.message for fault in faults), faults
    if not faults:
        parsed = parse(model, damaged)
        again = parse(model, json.loads(parsed.model_dump_json(exclude_defaults=True)))
        assert again == parsed
        assert fingerprint(again) == fingerprint(parsed)
