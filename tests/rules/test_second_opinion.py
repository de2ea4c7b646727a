"""Every verdict on every sequence of requests is what a model of its own says."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.values.orders import Acceptance, OrderBook
from tests.rules.checking import decided
from tests.rules.drawing import settled
from tests.rules.foretelling import expected, heard
from tests.rules.generating import asks, books, circumstances, told_more


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(books(), st.data())
def test_any_sequence_of_requests_is_decided_as_the_model_says(
    of: OrderBook, data: st.DataObject
) -> None:
    pending: list[Acceptance] = []
    around = data.draw(circumstances(of))
    for number in range(data.draw(st.integers(1, 7))):
        ask = replace(
            data.draw(told_more(data.draw(asks(of)))), idempotency_key=f"request {number}"
        )
        verdict = decided(ask, of, around)
        assert heard(verdict) == expected(ask, of, around)
        if isinstance(verdict, Acceptance):
            of = of.with_taken(verdict.shares)
            pending.append(verdict)
        if data.draw(st.booleans()) and pending:
            verdict = pending.pop()
            of = settled(of, verdict.refund_id, verdict.shares)
