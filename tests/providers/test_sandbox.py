"""The sandbox provider keeps its contract and its own book."""

import threading
from pathlib import Path
from typing import Any

import pytest

from models.values.repayments import OutcomeKind, RepaymentOrder
from tests.steps.test_handling import rows
from worker.errors import NotConfiguredError
from worker.providers.adapters.sandbox import Rule, SandboxProvider, read_script


def order(key: str = "key", **changed: Any) -> RepaymentOrder:
    fields: dict[str, Any] = {
        "key": key,
        "reference": "refund",
        "merchant_id": "m",
        "order_id": "o-1",
        "capture_id": "c-1",
        "currency": "EUR",
        "amount_minor": 100,
        "provider_references": {},
    }
    return RepaymentOrder(**(fields | changed))


def test_one_key_is_one_movement_however_often_it_is_sent(database: str) -> None:
    provider = SandboxProvider(())
    first = provider.repay(order())
    again = provider.repay_many([order(), order("other"), order()])
    assert [one.provider_refund_id for one in again][::2] == [first.provider_refund_id] * 2
    assert rows("SELECT count(*), sum(amount_minor) FROM sandbox.movements") == [(2, 200)]


def test_a_key_reused_with_another_amount_moves_nothing_and_is_not_settled(database: str) -> None:
    provider = SandboxProvider(())
    provider.repay(order())
    other = provider.repay(order(amount_minor=101))
    assert (other.kind, other.code) == (OutcomeKind.UNKNOWN, "key_reused_with_other_amount")
    assert rows("SELECT amount_minor FROM sandbox.movements") == [(100,)]


@pytest.mark.parametrize(
    ("behaviour", "kind", "movements"),
    [
        ("settle", OutcomeKind.SETTLED, 1),
        ("pending", OutcomeKind.PENDING, 1),
        ("decline", OutcomeKind.DECLINED, 1),
        ("not_sent", OutcomeKind.NOT_SENT, 0),
    ],
)
def test_it_behaves_as_scripted(
    database: str, behaviour: Any, kind: OutcomeKind, movements: int
) -> None:
    provider = SandboxProvider([Rule(calls=(behaviour,))])
    assert provider.repay(order()).kind is kind
    assert rows("SELECT count(*) FROM sandbox.movements") == [(movements,)]


@pytest.mark.parametrize(("behaviour", "movements"), [("timeout_before", 0), ("timeout_after", 1)])
def test_a_time_out_comes_before_or_after_the_work(
    database: str, behaviour: Any, movements: int
) -> None:
    provider = SandboxProvider([Rule(calls=(behaviour,))])
    with pytest.raises(TimeoutError):
        provider.repay(order())
    assert rows("SELECT count(*) FROM sandbox.movements") == [(movements,)]
    found = provider.look_up(order())
    assert found.kind is (OutcomeKind.SETTLED if movements else OutcomeKind.UNKNOWN)


def test_calls_are_counted_by_key_across_instances(database: str) -> None:
    rule = Rule(calls=("not_sent", "settle"))
    kinds = [SandboxProvider([rule]).repay(order(key)).kind for key in ("a", "b", "a", "a")]
    assert kinds == [
        OutcomeKind.NOT_SENT,
        OutcomeKind.NOT_SENT,
        OutcomeKind.SETTLED,
        OutcomeKind.SETTLED,
    ]


def test_the_first_rule_that_matches_counts(database: str) -> None:
    provider = SandboxProvider(
        [Rule(amount_minor=1, calls=("decline",)), Rule(order_id="x-.*", calls=("pending",))]
    )
    orders = [order("a", amount_minor=1), order("b", order_id="x-1"), order("c")]
    assert [provider.repay(one).kind for one in orders] == [
        OutcomeKind.DECLINED,
        OutcomeKind.PENDING,
        OutcomeKind.SETTLED,
    ]
    assert [provider.takes_in_batch(one) for one in orders] == [False, False, True]


def test_batches_with_shared_keys_at_once_make_one_movement_a_key(database: str) -> None:
    provider = SandboxProvider(())
    orders = [order(f"k-{n}") for n in range(50)]
    batches = [orders, orders[::-1]] * 3
    threads = [threading.Thread(target=provider.repay_many, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows("SELECT count(*) FROM sandbox.movements") == [(50,)]


@pytest.mark.parametrize("content", ["{", '[{"calls": ["sing"]}]', '[{"amount": 5}]'])
def test_a_script_that_cannot_be_used_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "script.json"
    path.write_text(content)
    with pytest.raises(NotConfiguredError, match=r"script\.json"):
        read_script(path)
