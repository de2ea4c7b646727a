"""What each kind of request may tell, and that the rules see all that was told."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from models.messages.parsing import InvalidMessageError, parse
from models.messages.refunds import CHARGEBACK_KEY_PREFIX, RefundRequestV1
from models.values.orders import LineAsk, RefundAsk
from models.values.states import Reason, RefundKind
from tests.messages.samples import AMOUNT, FULL, REQUEST, Json, bare, named

KINDS = {"lines": REQUEST, "full": FULL, "amount": AMOUNT}
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
ONE_LINE = [{"line_id": "1", "quantity": 1}]
NEEDED: dict[str, Json] = {"lines": {"lines": ONE_LINE}, "full": {}, "amount": {"amount_minor": 5}}


def plain(kind: str) -> Json:
    """A request that tells no more than its kind needs."""
    return bare(RefundRequestV1, KINDS[kind]) | NEEDED[kind]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (REQUEST | {"kind": "full"}, "lines"),
        (REQUEST | {"kind": "amount", "amount_minor": 5}, "lines"),
        (REQUEST | {"amount_minor": 5}, "amount_minor"),
        (REQUEST | {"capture_id": "capture"}, "capture_id"),
        (REQUEST | {"with_shares": True, "capture_id": "capture"}, "capture_id"),
        (FULL | {"kind": "lines"}, "lines"),
        (FULL | {"kind": "lines", "lines": ONE_LINE}, "capture_id"),
        (FULL | {"kind": "amount"}, "amount_minor"),
        (FULL | {"lines": ONE_LINE}, "lines"),
        (FULL | {"amount_minor": 5}, "amount_minor"),
        (FULL | {"with_shares": False}, "with_shares"),
        (FULL | {"with_shares": False, "capture_id": None}, "with_shares"),
        (AMOUNT | {"kind": "full"}, "amount_minor"),
        (AMOUNT | {"kind": "lines"}, "lines"),
        (AMOUNT | {"amount_minor": None}, "amount_minor"),
        (AMOUNT | {"lines": ONE_LINE}, "lines"),
        (AMOUNT | {"with_shares": False}, "with_shares"),
        (AMOUNT | {"with_shares": False, "capture_id": "capture"}, "with_shares"),
    ],
)
def test_a_kind_names_what_it_lacks_or_must_not_have(message: Json, field: str) -> None:
    assert named(RefundRequestV1, message) == [field]


ALL = {"lines", "full", "amount"}
OPTIONAL: list[tuple[Json, set[str]]] = [
    ({"capture_id": "capture"}, {"full", "amount"}),
    ({"capture_id": None}, ALL),
    ({"with_shares": False}, {"lines"}),
    ({"with_shares": True}, ALL),
    ({"lines": []}, {"full", "amount"}),
    ({"reason": "duplicate", "reason_text": "Ordered twice"}, ALL),
    ({"reason": None, "reason_text": "Text alone"}, ALL),
    ({"reason_text": None}, ALL),
    ({"requested_by": "user-7"}, ALL),
    ({"requested_by": None}, ALL),
    ({"awaits_goods": True}, ALL),
    ({"awaits_goods": False}, ALL),
    ({"awaits_goods": None}, ALL),
    ({"return_fee_minor": 5}, ALL),
]


@EACH_KIND
@pytest.mark.parametrize(("told", "kinds"), OPTIONAL, ids=[str(one[0]) for one in OPTIONAL])
def test_a_field_is_taken_by_the_kinds_that_have_it(kind: str, told: Json, kinds: set[str]) -> None:
    message = plain(kind)
    assert named(RefundRequestV1, message) == []
    faults = named(RefundRequestV1, message | told)
    assert faults == ([] if kind in kinds else [next(iter(told))])


@pytest.mark.parametrize("key", ["chargeback:", "chargeback:dispute-7", "chargeback::"])
@EACH_KIND
def test_a_key_that_is_kept_for_lost_disputes_is_refused(kind: str, key: str) -> None:
    assert key.startswith(CHARGEBACK_KEY_PREFIX)
    with pytest.raises(InvalidMessageError, match=r"idempotency_key: .*kept for lost disputes"):
        parse(RefundRequestV1, KINDS[kind] | {"idempotency_key": key})


@EACH_KIND
def test_what_is_not_told_is_not_assumed(kind: str) -> None:
    request = parse(RefundRequestV1, plain(kind))
    assert request.with_shares is True
    assert request.return_fee_minor == 0
    for field in ("currency", "capture_id", "reason", "reason_text", "reference", "requested_by"):
        assert getattr(request, field) is None
    assert request.requested_at is None
    assert request.awaits_goods is None


AT = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
NAMED: dict[str, Any] = {"merchant_id": "merchant", "idempotency_key": "key", "order_id": "order"}
ASKS = [
    (
        REQUEST,
        RefundAsk(
            **NAMED,
            kind=RefundKind.LINES,
            currency="SEK",
            lines=(
                LineAsk("lines[0]", "1", 2, None, "capture"),
                LineAsk("lines[1]", "1", None, 7, None),
            ),
            return_fee_minor=3,
            with_shares=False,
            reason=Reason.RETURN,
            awaits_goods=True,
            requested_at=AT,
        ),
    ),
    (
        FULL,
        RefundAsk(
            **NAMED,
            kind=RefundKind.FULL,
            currency="SEK",
            capture_id="capture",
            return_fee_minor=3,
            reason=Reason.CANCELLED,
            awaits_goods=False,
            requested_at=AT.replace(hour=9),
        ),
    ),
    (AMOUNT, RefundAsk(**NAMED, kind=RefundKind.AMOUNT, amount_minor=7)),
    (
        AMOUNT | {"capture_id": "c1"},
        RefundAsk(**NAMED, kind=RefundKind.AMOUNT, amount_minor=7, capture_id="c1"),
    ),
]


@pytest.mark.parametrize(("message", "ask"), ASKS, ids=["lines", "full", "amount", "in a capture"])
def test_the_rules_see_what_was_told(message: Json, ask: RefundAsk) -> None:
    seen = parse(RefundRequestV1, message).to_ask()
    assert seen == ask
    assert seen.reason is None or type(seen.reason) is Reason


def test_the_rules_see_every_field_but_those_that_are_for_people() -> None:
    for_people = {"version", "reason_text", "reference", "requested_by"}
    asked = {field.name for field in fields(RefundAsk)}
    assert asked == set(RefundRequestV1.model_fields) - for_people
