"""Files that cannot be used: one kind of error, whose text names the file and the field."""

from pathlib import Path
from typing import Any

import pytest

from tests.policy.conftest import Write
from worker.errors import NotConfiguredError
from worker.policy.reading import read_policy

LAYERS = ["defaults", "markets.DE", "merchants.m", "merchants.m.markets.DE"]
EACH_LAYER = pytest.mark.parametrize("layer", LAYERS)

NO_NUMBER = [
    *("1.0", "1.5", "nan", "inf", "-inf", "1e3", '"1"', '""', "true", "false"),
    *("[]", "[1]", "{}", "2026-01-01", "12:00:00", "2026-01-01T00:00:00Z"),
]
HUGE = ["1000000000001", "9223372036854775807", "9223372036854775808", "18446744073709551616"]
DIGITS = "1" + "0" * 4000
BAD_DAYS = [*NO_NUMBER, *HUGE, DIGITS, "-1", "36501"]
BAD_AMOUNTS = [*NO_NUMBER, *HUGE, DIGITS, "-1", "-9223372036854775808", "-18446744073709551616"]
BAD_FLAGS = ["0", "1", "1.0", '"true"', '"yes"', '""', "[]", "[true]", "{}", "nan", "2026-01-01"]
NO_TABLE = ["1", "1.5", "nan", "true", '"EUR"', "[]", '["EUR"]', "[{}]", "2026-01-01"]
NO_CURRENCIES = ["EURO", "eur", "XAU", "XXX", "XTS", "ZZZ", "EU", '""', '"EUR "', '"\\u0000UR"']
AMOUNTS = [
    *("amount_min_minor", "amount_max_minor", "approval_above_minor"),
    "return_fee.cap_minor",
]
UNKNOWN = [
    *("window_day", "windowdays", "Window_days", "amount_minor", "fee", "currency", "version"),
    *("return_fee.cap", "return_fee.allow", "return_fee.market"),
]
BAD_FIELDS: dict[str, list[str]] = {
    "window_days": BAD_DAYS,
    "due_days": BAD_DAYS,
    "refunds_max": [*NO_NUMBER, *HUGE, DIGITS, "-1", "0", "1000001"],
    "returns_await_goods": BAD_FLAGS,
    "return_fee": NO_TABLE,
    "return_fee.allowed": BAD_FLAGS,
    "return_fee.cap_basis_points": [*NO_NUMBER, *HUGE, "-1", "10001"],
    "return_fee.tax_rate": [*NO_NUMBER, *HUGE, "-1", "100001"],
    **dict.fromkeys(AMOUNTS, NO_TABLE),
    **{f"{field}.EUR": BAD_AMOUNTS for field in AMOUNTS},
    **{name: ["1"] for name in UNKNOWN},
}
CASES = [
    pytest.param(field, value, id=f"{field}={value:.24}")
    for field, values in BAD_FIELDS.items()
    for value in values
]


def refusal(path: Path | None) -> str:
    """What is said of a file that cannot be used."""
    with pytest.raises(NotConfiguredError) as raised:
        read_policy(path)
    assert type(raised.value) is NotConfiguredError
    text = str(raised.value)
    assert text.startswith(f"the policy file {path} cannot be used: ")
    text.encode()  # can be logged
    return text.removeprefix(f"the policy file {path} cannot be used: ")


@EACH_LAYER
@pytest.mark.parametrize(("field", "value"), CASES)
def test_a_wrong_value_is_named_with_its_file_and_field(
    write: Write, layer: str, field: str, value: str
) -> None:
    said = refusal(write(f"version = 1\n{layer}.{field} = {value}\n"))
    assert said.startswith(f"{layer}.{field}: ")
    assert "; " not in said
    assert len(said) < 300


@EACH_LAYER
@pytest.mark.parametrize("currency", NO_CURRENCIES)
@pytest.mark.parametrize("field", ["amount_max_minor", "approval_above_minor"])
def test_an_unknown_currency_is_named(write: Write, layer: str, currency: str, field: str) -> None:
    said = refusal(write(f"version = 1\n{layer}.{field} = {{ EUR = 1, {currency} = 1 }}\n"))
    assert said.startswith(f"{layer}.{field}.")
    shown = currency.strip('"').replace("\\u0000", "\\x00")
    assert f"got '{shown}'" in said


@pytest.mark.parametrize("market", ["UK", "EU", "ZZ", "de", "DEU", "D", '""', '"DE "', '"DE\\n"'])
@pytest.mark.parametrize("layer", ["markets", "merchants.m.markets"])
def test_an_unknown_market_is_named(write: Write, layer: str, market: str) -> None:
    said = refusal(write(f"version = 1\n[{layer}.DE]\n[{layer}.{market}]\ndue_days = 1\n"))
    assert said.startswith(f"{layer}.")
    assert f"got '{market.strip(chr(34))}'" in said


@pytest.mark.parametrize(
    "merchant", ['""', '" "', '"a\\nb"', '"a\\u0000b"', '"a\\u009Bb"', "x" * 256]
)
def test_a_merchant_whom_no_message_can_name_is_refused(write: Write, merchant: str) -> None:
    said = refusal(write(f"version = 1\n[merchants.{merchant}]\ndue_days = 1\n"))
    assert said.startswith("merchants.")


@pytest.mark.parametrize(
    "version",
    [
        *("0", "2", "-1", "1.0", "1.5", "nan", "true", '"1"', '""', "[1]", "{}", "2026-01-01"),
        *("18446744073709551616", "18446744073709551617", DIGITS),
    ],
)
def test_another_version_is_refused(write: Write, version: str) -> None:
    assert refusal(write(f"version = {version}\n")).startswith("version: ")


def test_a_version_must_be_told(write: Write) -> None:
    assert refusal(write("")) == "version: Field required"
    assert refusal(write("# nothing\n[defaults]\n")) == "version: Field required"


@EACH_LAYER
@pytest.mark.parametrize(
    ("value", "where"),
    [
        ('"window_days"', "without"),
        ("{}", "without"),
        ("true", "without"),
        ("1", "without"),
        ("[1]", "without[0]"),
        ('[""]', "without[0]"),
        ('["window_days", "window"]', "without[1]"),
        ('["returns_await_goods"]', "without[0]"),
        ('["return_fee"]', "without[0]"),
        ('["cap_minor"]', "without[0]"),
        ('["without"]', "without[0]"),
        ('["Due_days"]', "without[0]"),
        ('[["due_days"]]', "without[0]"),
        ("[nan]", "without[0]"),
    ],
)
def test_only_limits_can_be_taken_away(write: Write, layer: str, value: str, where: str) -> None:
    said = refusal(write(f"version = 1\n{layer}.without = {value}\n"))
    assert said.startswith(f"{layer}.{where}: ")


@EACH_LAYER
@pytest.mark.parametrize("name", ["allowed", "tax_rate", "due_days", "cap", ""])
def test_only_caps_of_a_fee_can_be_taken_away(write: Write, layer: str, name: str) -> None:
    said = refusal(write(f'version = 1\n{layer}.return_fee.without = ["{name}"]\n'))
    assert said.startswith(f"{layer}.return_fee.without[0]: ")


@pytest.mark.parametrize("name", ["default", "market", "merchant", "window_days", "DE", "Version"])
def test_an_unknown_part_of_the_file_is_named(write: Write, name: str) -> None:
    assert refusal(write(f"version = 1\n{name} = {{}}\n")).startswith(f"{name}: ")


@pytest.mark.parametrize("part", ["defaults", "markets", "merchants", "merchants.m.markets"])
@pytest.mark.parametrize("value", ["1", "true", '"DE"', "[]", "[{}]", "nan", "2026-01-01"])
def test_a_part_of_another_shape_is_named(write: Write, part: str, value: str) -> None:
    assert refusal(write(f"version = 1\n{part} = {value}\n")).startswith(f"{part}: ")


@pytest.mark.parametrize("layer", ["defaults", "markets.DE", "merchants.m.markets.DE"])
def test_only_merchants_have_markets_of_their_own(write: Write, layer: str) -> None:
    said = refusal(write(f"version = 1\n{layer}.markets.SE.due_days = 1\n"))
    assert said.startswith(f"{layer}.markets: ")


def test_all_faults_are_told_at_once_up_to_a_limit(write: Write) -> None:
    said = refusal(write("version = 2\n[defaults]\nwindow_days = -1\n[markets.DE]\nfee = 1\n"))
    told = [fault.split(": ")[0] for fault in said.split("; ")]
    assert told == ["version", "defaults.window_days", "markets.DE.fee"]
    many = "\n".join(f"field{n} = 1" for n in range(1_000))
    assert len(refusal(write(f"version = 1\n[defaults]\n{many}\n")).split("; ")) == 20


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version: 1\n", "at line 1"),
        (b"version = 1\n\n{}\n", "at line 3"),
        (b'{"version": 1}', "at line 1"),
        (b"version = 1\nversion = 1\n", "overwrite"),
        (b"version = 1\n[defaults]\n[defaults]\n", "at line 3"),
        (b"version = 1\n[defaults\n", "at line 2"),
        (b'version = 1\n[defaults]\nwithout = ["due_days"', "at end of document"),
        (b"version = 01\n", "at line 1"),
        (b"version = 1\x00\n", "at line 1"),
        (b"version = 1 # \x07\n", "at line 1"),
        (b"version = 1\n[defaults]\nwindow_days = 2026-02-30\n", "at line 3"),
        (b"\xef\xbb\xbfversion = 1\n", "at line 1"),
        (b"\xff\xfev\x00e\x00r\x00", "utf-8"),
        (b"version = 1 # caf\xe9\n", "utf-8"),
        (b"version = 1 # \xed\xa0\x80\n", "utf-8"),
        (b"version = 1 # \xf4\x90\x80\x80\n", "utf-8"),
        (b"\x1f\x8b\x08\x00\x00", "utf-8"),
        (b'version = 1\n[merchants."\\ud800"]\n', "at line 2"),
        (b"PK\x03\x04", "at line 1"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_file_that_is_no_toml_or_no_utf_8_is_named(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(content)
    assert said in refusal(path)


@pytest.mark.parametrize(
    "value",
    [
        "[" * 100_000 + "]" * 100_000,
        "{a=" * 100_000 + "1" + "}" * 100_000,
        "9" * 5_000,
        "-" + "9" * 100_000,
        "1" * 100_000 + ".5",
        "0x" + "f" * 100_000,
        '"' + "x" * 10**6 + '"',
        "[" + "1," * 100_000 + "]",
    ],
    ids=lambda value: value[:8],
)
def test_a_hostile_value_is_an_error_like_any_other(write: Write, value: str) -> None:
    assert len(refusal(write(f"version = 1\n[defaults]\nwindow_days = {value}\n"))) < 300


def test_deep_or_long_names_are_an_error_like_any_other(write: Write) -> None:
    assert refusal(write(f"version = 1\n[{'a.' * 10_000}a]\n"))
    assert refusal(write(f"version = 1\n{'a' * 10**5} = 1\n")).startswith("aaa")
    said = refusal(write(f"version = 1\n[defaults.amount_max_minor]\n{'E' * 10**5} = 1\n"))
    assert said.startswith("defaults.amount_max_minor.EEE")


def test_what_is_no_readable_file_is_named(tmp_path: Path) -> None:
    dangling = tmp_path / "dangling.toml"
    dangling.symlink_to(tmp_path / "nowhere.toml")
    loop = tmp_path / "loop.toml"
    loop.symlink_to(loop)
    inside = tmp_path / "file.toml"
    inside.write_text("version = 1\n")
    paths: list[tuple[Any, str]] = [
        (tmp_path / "nowhere.toml", "No such file"),
        (dangling, "No such file"),
        (loop, "symbolic links"),
        (tmp_path, "directory"),
        (inside / "policy.toml", "Not a directory"),
        (tmp_path / ("x" * 300), "name too long"),
    ]
    for path, said in paths:
        assert said in refusal(path)
    assert read_policy(inside).version == 1
