"""Every field of every instruction with everything it must refuse: the field is named."""

from typing import Any

import pytest

from models.messages import names
from models.values import limits
from models.values.states import DisputeOutcome
from tests.messages import bad_values as bad
from tests.messages.samples import (
    ABOUT_A_REFUND,
    INSTRUCTIONS,
    MODELS,
    REFUND_ID,
    Json,
    bare,
    named,
)
from worker.steps.instructions import KINDS, message_of

NEEDED = [*bad.BAD_IDENTIFIERS, None]
EVERY: dict[str, list[Any]] = {
    "version": bad.BAD_VERSIONS,
    "merchant_id": NEEDED,
    "idempotency_key": NEEDED,
}
OF_A_REFUND: dict[str, list[Any]] = {
    **EVERY,
    "refund_id": [*bad.BAD_UUIDS, None],
    "by": [*bad.BAD_PERSONS, None],
    "note": bad.BAD_NOTES,
}
TABLES: dict[str, dict[str, list[Any]]] = {
    names.REFUNDS_APPROVE: OF_A_REFUND,
    names.REFUNDS_DENY: OF_A_REFUND,
    names.REFUNDS_CANCEL: OF_A_REFUND,
    names.REFUNDS_GOODS_RECEIVED: OF_A_REFUND,
    names.CAPTURES_PAYMENT: {
        **EVERY,
        "capture_id": NEEDED,
        "amount_minor": [*bad.BAD_POSITIVE, None],
        "paid_at": bad.BAD_MOMENTS,
    },
    names.DISPUTES_OPENED: {
        **EVERY,
        "dispute_id": NEEDED,
        "order_id": NEEDED,
        "capture_id": bad.BAD_IDENTIFIERS,
        "amount_minor": [*bad.BAD_POSITIVE, None],
        "opened_at": bad.BAD_MOMENTS,
    },
    names.DISPUTES_CLOSED: {
        **EVERY,
        "dispute_id": NEEDED,
        "outcome": bad.BAD_OUTCOMES,
        "amount_minor": bad.BAD_POSITIVE,
        "closed_at": bad.BAD_MOMENTS,
    },
}
TASKS = pytest.mark.parametrize("task", INSTRUCTIONS)


CASES = [
    pytest.param(task, field, value, id=f"{task} {field}={ascii(value)[:30]}")
    for task, table in TABLES.items()
    for field, values in table.items()
    for value in values
]


@pytest.mark.parametrize(("task", "field", "value"), CASES)
def test_an_instruction_names_exactly_the_field_that_is_wrong(
    task: str, field: str, value: Any
) -> None:
    complete = INSTRUCTIONS[task]
    assert named(MODELS[task], complete | {field: value}) == [field]
    assert named(MODELS[task], bare(MODELS[task], complete) | {field: value}) == [field]


@TASKS
def test_the_table_of_a_task_leaves_out_no_field(task: str) -> None:
    assert set(TABLES[task]) == set(MODELS[task].model_fields)
    assert set(INSTRUCTIONS[task]) == set(MODELS[task].model_fields) - {"version"}


@TASKS
def test_each_task_takes_its_own_message_and_has_a_queue(task: str) -> None:
    assert message_of(task) is MODELS[task]
    assert names.QUEUE_OF[task] in names.QUEUES


def test_there_is_no_other_instruction() -> None:
    assert set(KINDS) == set(INSTRUCTIONS)
    others = {names.REPAYMENTS_SWEEP, names.OUTBOX_RELAY}
    assert set(names.QUEUE_OF) == {*MODELS, *others}


@TASKS
def test_only_what_an_instruction_is_about_must_be_told(task: str) -> None:
    """What must be told is the contract with every producer: it never grows."""
    about = {
        names.CAPTURES_PAYMENT: {"capture_id", "amount_minor"},
        names.DISPUTES_OPENED: {"dispute_id", "order_id", "amount_minor"},
        names.DISPUTES_CLOSED: {"dispute_id", "outcome"},
    }.get(task, {"refund_id", "by"})
    assert set(bare(MODELS[task], INSTRUCTIONS[task])) == {
        "merchant_id",
        "idempotency_key",
        *about,
    }


@TASKS
def test_an_optional_field_may_be_null_or_absent(task: str) -> None:
    model, message = MODELS[task], INSTRUCTIONS[task]
    for field in set(message) - set(bare(model, message)):
        assert named(model, message | {field: None}) == []
        assert named(model, {n: value for n, value in message.items() if n != field}) == []


@TASKS
def test_a_field_of_another_task_is_an_unknown_one(task: str) -> None:
    own = set(MODELS[task].model_fields)
    foreign = {field for message in INSTRUCTIONS.values() for field in message} - own
    assert foreign
    for field in sorted({*foreign, "reason", "requested_at", "currency", "By", "note "}):
        assert named(MODELS[task], INSTRUCTIONS[task] | {field: None}) == [field]


@pytest.mark.parametrize(
    "refund_id",
    [
        REFUND_ID,
        REFUND_ID.upper(),
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "018f3a70-7e4c-7a9b-8c3d-1234567890ab",
    ],
)
def test_a_refund_is_named_by_any_uuid_in_its_usual_form(refund_id: str) -> None:
    message = ABOUT_A_REFUND | {"refund_id": refund_id}
    for task in (names.REFUNDS_APPROVE, names.REFUNDS_DENY, names.REFUNDS_CANCEL):
        model = message_of(task)
        assert named(model, message) == []
        parsed = model.model_validate(message)
        assert parsed.model_dump(mode="json")["refund_id"] == refund_id.lower()


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("by", "x" * limits.PERSON_MAX_LENGTH),
        ("by", "\U0001f600" * limits.PERSON_MAX_LENGTH),
        ("by", "J\u00f6rg <joerg@shop.example>"),
        ("note", "x" * limits.NOTE_MAX_LENGTH),
        ("note", "\U0001f600" * limits.NOTE_MAX_LENGTH),
        ("note", "first\r\n\tsecond\x1b\x7f"),
        ("note", ""),
        ("merchant_id", "x" * limits.ID_MAX_LENGTH),
        ("idempotency_key", "x" * limits.ID_MAX_LENGTH),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_what_is_just_within_the_limits_is_taken(field: str, text: str) -> None:
    for task, message in INSTRUCTIONS.items():
        if field in message:
            assert named(MODELS[task], message | {field: text}) == []


@pytest.mark.parametrize("outcome", DisputeOutcome)
@pytest.mark.parametrize("amount", [None, 1, limits.AMOUNT_MAX_MINOR])
def test_a_dispute_ends_in_each_outcome_with_or_without_an_amount(
    outcome: str, amount: int | None
) -> None:
    message = INSTRUCTIONS[names.DISPUTES_CLOSED] | {"outcome": outcome, "amount_minor": amount}
    assert named(MODELS[names.DISPUTES_CLOSED], message) == []


def test_several_faults_are_told_at_once() -> None:
    wrong: Json = {"merchant_id": "", "refund_id": "7", "by": " ", "note": 5, "reason": "x"}
    for task in (names.REFUNDS_APPROVE, names.REFUNDS_GOODS_RECEIVED):
        assert named(MODELS[task], wrong) == [
            "merchant_id",
            "idempotency_key",
            "refund_id",
            "by",
            "note",
            "reason",
        ]
