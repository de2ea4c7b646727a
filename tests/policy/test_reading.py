"""Which file counts: the one that REFUNDS_POLICY_FILE names, or the default one."""

from datetime import timedelta
from pathlib import Path

import pytest

from models.values.policies import FeePolicy, Policy
from tests.policy.conftest import Write
from worker.errors import NotConfiguredError
from worker.policy.reading import policy_of, read_policy, resolve
from worker.settings import settings

EXAMPLE = """
version = 1

[defaults]
window_days = 90
refunds_max = 200
amount_min_minor = { EUR = 1 }
amount_max_minor = { EUR = 200_000, JPY = 300_000 }
approval_above_minor = { EUR = 100_000 }
due_days = 30

[markets.DE]
due_days = 14
return_fee = { allowed = true, cap_minor = { EUR = 500 }, cap_basis_points = 1000, tax_rate = 1900 }

[merchants."shop.example"]
returns_await_goods = true
approval_above_minor = { EUR = 5_000 }
without = ["window_days"]

[merchants."shop.example".markets.DE]
refunds_max = 3
return_fee = { cap_minor = { EUR = 400 }, without = ["cap_basis_points"] }

[merchants.other.markets.DE.return_fee]
allowed = false
"""


def use(monkeypatch: pytest.MonkeyPatch, path: str | Path) -> None:
    """Name a policy file in the environment, as an operator does."""
    monkeypatch.setenv("REFUNDS_POLICY_FILE", str(path))
    settings.cache_clear()


def test_an_example_with_all_layers(write: Write) -> None:
    file = read_policy(write(EXAMPLE))
    assert resolve(file, "shop.example", "DE", "EUR") == Policy(
        return_fee=FeePolicy(400, None, 1900),
        window=None,
        refunds_max=3,
        amount_min_minor=1,
        amount_max_minor=200_000,
        approval_above_minor=5_000,
        returns_await_goods=True,
        due_within=timedelta(days=14),
    )
    assert resolve(file, "shop.example", "US", "JPY") == Policy(
        refunds_max=200,
        amount_max_minor=300_000,
        returns_await_goods=True,
        due_within=timedelta(days=30),
    )
    assert resolve(file, "other", "DE", "EUR").return_fee is None
    assert resolve(file, "anyone", "DE", "EUR").return_fee == FeePolicy(500, 1000, 1900)


def test_the_file_that_the_environment_names_counts(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, write(EXAMPLE))
    assert policy_of("shop.example", "DE", "EUR").refunds_max == 3
    assert policy_of("shop.example", "SE", "EUR").refunds_max == 200
    assert policy_of("shop.example", "SE", "EUR").return_fee is None


def test_it_counts_in_place_of_the_default_one_and_not_on_top_of_it(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert policy_of("m", "SE", "SEK").return_fee == FeePolicy(None, None, 2500)
    use(monkeypatch, write("version = 1\n"))
    assert policy_of("m", "SE", "SEK") == Policy()


def test_another_file_counts_as_soon_as_the_settings_name_it(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 1, 3):
        use(monkeypatch, write(f"version = 1\ndefaults.refunds_max = {number}\n"))
        assert policy_of("m", "SE", "SEK").refunds_max == number
    monkeypatch.delenv("REFUNDS_POLICY_FILE")
    settings.cache_clear()
    assert policy_of("m", "SE", "SEK").refunds_max is None


def test_no_name_and_an_empty_one_mean_the_default_file(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = resolve(read_policy(None), "m", "SE", "SEK")
    assert settings().policy_file is None
    assert policy_of("m", "SE", "SEK") == expected
    use(monkeypatch, "")
    assert settings().policy_file is None
    assert policy_of("m", "SE", "SEK") == expected


def test_a_file_that_cannot_be_used_is_told_each_time_and_never_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policy.toml"
    use(monkeypatch, path)
    for content, said in (
        (None, "No such file"),
        ("version = 2\n", "version: "),
        ("version = 1\ndefaults.window_days = -1\n", r"defaults\.window_days: "),
    ):
        if content:
            path.write_text(content)
        for _ in range(2):
            with pytest.raises(NotConfiguredError, match=rf"policy\.toml cannot be used: .*{said}"):
                policy_of("m", "SE", "SEK")
    path.write_text("version = 1\ndefaults.window_days = 5\n")
    assert policy_of("m", "SE", "SEK").window == timedelta(days=5)


def test_a_file_is_read_once_so_that_its_terms_change_with_a_restart_only(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an edit never counts, and all requests of a worker are decided on one policy."""
    path = write("version = 1\ndefaults.refunds_max = 1\n")
    use(monkeypatch, path)
    assert policy_of("m", "SE", "SEK").refunds_max == 1
    path.write_text("version = 1\ndefaults.refunds_ma")
    assert policy_of("m", "SE", "SEK").refunds_max == 1
    assert policy_of("n", "DE", "EUR").refunds_max == 1


def test_a_merchant_a_market_or_a_currency_that_nobody_knows_is_no_error(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, write(EXAMPLE))
    known = policy_of("anyone", "US", "USD")
    for merchant in ("", "x" * 10_000, "a\x00b", "\ud800"):
        assert policy_of(merchant, "US", "USD") == known
    assert policy_of("anyone", "??", "???") == known


def test_many_merchants_get_their_own_terms(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than are kept in memory."""
    terms = "\n".join(f'merchants."{n}".refunds_max = {n}' for n in range(1, 101))
    use(monkeypatch, write(f"version = 1\ndefaults.refunds_max = 777\n{terms}\n"))
    for _ in range(2):
        for number in range(1, 11_001):
            told = policy_of(str(number), "SE", "SEK").refunds_max
            assert told == (number if number <= 100 else 777)


def test_a_comment_in_any_script_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "r\u00fcckgabe.toml"
    path.write_bytes(
        "# \u8fd4\u54c1 \u263a\r\nversion = 1\r\n[defaults]\r\ndue_days = 7\r\n".encode()
    )
    assert resolve(read_policy(path), "m", "SE", "SEK") == Policy(due_within=timedelta(days=7))
