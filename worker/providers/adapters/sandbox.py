"""A provider for trying things out: scriptable, with a durable book of its own.

Its book (schema `sandbox`) is written in its own transactions on its own connections, so that
what the provider paid can be checked apart from what the worker believes. It honours idempotency
keys: one movement a key, whatever is sent again.
"""

import json
import re
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy import Engine, text

from models.values.policies import FeeSupport
from models.values.repayments import Outcome, OutcomeKind, RepaymentOrder
from worker.arrays import execute
from worker.database import engine
from worker.errors import NotConfiguredError
from worker.providers.contract import Capabilities
from worker.settings import settings

Behaviour = Literal["settle", "pending", "decline", "not_sent", "timeout_before", "timeout_after"]


class Rule(BaseModel):
    """How the sandbox behaves to repayments that match, call by call.

    `calls` names what the first, second … call for a repayment does; the last one repeats.
    A rule without conditions matches everything; the first rule that matches counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    amount_minor: int | None = None
    order_id: str | None = None
    """A regular expression for the whole order id."""
    calls: Annotated[tuple[Behaviour, ...], Field(min_length=1)] = ("settle",)
    slow_seconds: Annotated[float, Field(ge=0, le=300)] = 0
    asked: Literal["pending", "settle", "decline"] = "settle"
    """What a pending movement has become when it is asked after."""
    code: str = "declined_by_script"

    def matches(self, order: RepaymentOrder) -> bool:
        """Whether the rule is for this repayment."""
        if self.amount_minor is not None and self.amount_minor != order.amount_minor:
            return False
        return self.order_id is None or re.fullmatch(self.order_id, order.order_id) is not None


SETTLE = Rule()

_BOOK = text("""
    INSERT INTO sandbox.movements AS m
      (key, number, merchant_id, reference, capture_reference, currency, amount_minor, state, code)
    SELECT u.key, 'sb_' || md5(u.key), u.merchant_id, u.reference, u.capture_reference,
           u.currency, u.amount_minor, u.state, u.code
    FROM unnest(CAST(:keys AS text[]), CAST(:merchants AS text[]), CAST(:references AS text[]),
                CAST(:captures AS text[]), CAST(:currencies AS text[]),
                CAST(:amounts AS bigint[]), CAST(:states AS text[]), CAST(:codes AS text[]))
      AS u(key, merchant_id, reference, capture_reference, currency, amount_minor, state, code)
    ON CONFLICT (key) DO UPDATE SET key = EXCLUDED.key
    RETURNING m.key, m.number, m.state, m.code, m.amount_minor, m.currency
""")

_COUNT_CALL = text("""
    INSERT INTO sandbox.calls AS c (key, sent) VALUES (:key, 1)
    ON CONFLICT (key) DO UPDATE SET sent = c.sent + 1 RETURNING sent
""")

_FIND = text("SELECT number, state, code FROM sandbox.movements WHERE key = :key FOR UPDATE")
_RESOLVE = text("UPDATE sandbox.movements SET state = :state, code = :code WHERE key = :key")


class SandboxProvider:
    """See the module."""

    name = "sandbox"
    capabilities = Capabilities(
        key_lifetime=timedelta(days=1), can_look_up=True, return_fees=FeeSupport.ANY
    )

    def __init__(self, script: Sequence[Rule] | None = None) -> None:
        self._given = script

    @cached_property
    def _script(self) -> Sequence[Rule]:
        if self._given is not None:
            return self._given
        path = settings().sandbox_script
        return read_script(path) if path else ()

    def repay(self, order: RepaymentOrder) -> Outcome:
        """Repay one order as the script says."""
        rule = self._rule(order)
        time.sleep(rule.slow_seconds)
        behaviour = rule.calls[-1]
        if len(rule.calls) > 1:
            with _own_engine().begin() as connection:
                sent = execute(connection, _COUNT_CALL, {"key": order.key}).scalar_one()
            behaviour = rule.calls[min(sent, len(rule.calls)) - 1]
        match behaviour:
            case "not_sent":
                return Outcome(OutcomeKind.NOT_SENT, code="sandbox_refused_connection")
            case "timeout_before":
                raise TimeoutError("scripted: before the work")
            case "timeout_after":
                self._book([order], "settled", None)
                raise TimeoutError("scripted: after the work")
            case "pending":
                return self._book([order], "pending", None)[0]
            case "decline":
                return self._book([order], "declined", rule.code)[0]
            case "settle":
                return self._book([order], "settled", None)[0]

    def takes_in_batch(self, order: RepaymentOrder) -> bool:
        """Whether the script says nothing special of this repayment."""
        return self._rule(order) is SETTLE

    def repay_many(self, orders: Sequence[RepaymentOrder]) -> Sequence[Outcome]:
        """Repay many at once, unscripted."""
        return self._book(orders, "settled", None)

    def look_up(self, order: RepaymentOrder) -> Outcome:
        """What the book says of the order's key."""
        rule = self._rule(order)
        time.sleep(rule.slow_seconds)
        with _own_engine().begin() as connection:
            row = execute(connection, _FIND, {"key": order.key}).one_or_none()
            if row is None:
                return Outcome(OutcomeKind.UNKNOWN, code="not_found_at_provider")
            number, state, code = row
            if state == "pending" and rule.asked != "pending":
                state = "settled" if rule.asked == "settle" else "declined"
                code = None if state == "settled" else rule.code
                execute(connection, _RESOLVE, {"key": order.key, "state": state, "code": code})
        return _outcome(number, state, code)

    def _rule(self, order: RepaymentOrder) -> Rule:
        return next((rule for rule in self._script if rule.matches(order)), SETTLE)

    def _book(
        self, orders: Sequence[RepaymentOrder], state: str, code: str | None
    ) -> list[Outcome]:
        if not orders:
            return []
        # Sorted by key, so that two batches that share keys cannot deadlock.
        by_key = {order.key: order for order in reversed(orders)}
        ordered = [by_key[key] for key in sorted(by_key)]
        with _own_engine().begin() as connection:
            rows = execute(
                connection,
                _BOOK,
                {
                    "keys": [order.key for order in ordered],
                    "merchants": [order.merchant_id for order in ordered],
                    "references": [order.reference for order in ordered],
                    "captures": [order.capture_id for order in ordered],
                    "currencies": [order.currency for order in ordered],
                    "amounts": [order.amount_minor for order in ordered],
                    "states": [state] * len(ordered),
                    "codes": [code] * len(ordered),
                },
            ).all()
        booked = {row[0]: row for row in rows}
        outcomes = []
        for order in orders:
            _, number, booked_state, booked_code, amount_minor, currency = booked[order.key]
            if (amount_minor, currency) != (order.amount_minor, order.currency):
                # Like Stripe: the same key with other parameters is an error, and no movement.
                outcomes.append(Outcome(OutcomeKind.UNKNOWN, code="key_reused_with_other_amount"))
            else:
                outcomes.append(_outcome(number, booked_state, booked_code))
        return outcomes


def read_script(path: Path) -> Sequence[Rule]:
    """The rules in a JSON file: a list of objects.

    Raises:
        NotConfiguredError: names the file and the fault.
    """
    try:
        return TypeAdapter(tuple[Rule, ...]).validate_python(json.loads(path.read_text()))
    except (OSError, ValueError, ValidationError) as error:
        raise NotConfiguredError(f"the sandbox script {path} cannot be used: {error}") from error


def _own_engine() -> Engine:
    return engine(purpose="sandbox")


def _outcome(number: str, state: str, code: str | None) -> Outcome:
    kinds = {
        "settled": OutcomeKind.SETTLED,
        "pending": OutcomeKind.PENDING,
        "declined": OutcomeKind.DECLINED,
        # It came back: whoever asks only now has lost nothing, and may ask for it anew.
        "reversed": OutcomeKind.DECLINED,
    }
    return Outcome(
        kinds[state],
        code=code or ("reversed" if state == "reversed" else None),
        provider_refund_id=number,
        evidence={"number": number, "state": state},
    )
