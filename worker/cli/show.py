"""`refunds show`: a refund's timeline."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from models.values.states import RepaymentKind, RepaymentState
from worker.cli.output import JsonOption, console, money, print_json
from worker.cli.servers import ready_servers
from worker.steps import showing
from worker.store.timeline import Timeline

Event = tuple[datetime, str, str]
"""When, what, and the details."""

ACTIONS = {"send": "sent", "ask": "asked provider", "none": "debt only"}


def show(
    name: Annotated[str, typer.Argument(metavar="ID|KEY", help="Refund id or idempotency key.")],
    merchant: Annotated[
        str | None, typer.Option("--merchant", help="Whose key, where several used it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a refund's timeline: what was asked, decided, sent, answered and booked."""
    with ready_servers():
        found = showing.show(name, merchant)
    if as_json:
        print_json(asdict(found))
        return
    _print_head(found)
    table = Table(show_header=True, box=None, pad_edge=False)
    table.add_column("when", style="dim", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("details")
    for at, what, details in sorted(_events(found), key=lambda event: event[0]):
        table.add_row(at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3], what, Text(details))
    console.print(table)


def _print_head(found: Timeline) -> None:
    request = found.request
    console.print(
        f"[bold]{request['decision']}[/bold] request {request['idempotency_key']!r} of merchant "
        f"{request['merchant_id']!r} on order {request['order_id']!r}",
        highlight=False,
    )
    if request["refund_id"]:
        currency = request["currency"]
        fee = f" · {money(request['fee_minor'], currency)} kept" if request["fee_minor"] else ""
        console.print(
            f"refund {request['refund_id']} · [bold]{request['state']}[/bold] · "
            f"{money(request['settled_minor'], currency)} of "
            f"{money(request['amount_minor'], currency)} repaid{fee}",
            highlight=False,
        )
    for line in found.lines:
        units = f"{line['quantity']} x " if line["quantity"] else ""
        console.print(
            f"  {units}{line['line_id']} {line['name']} · "
            f"{money(line['amount_minor'], request['currency'])} of capture {line['capture_id']}",
            style="dim",
            markup=False,
            highlight=False,
        )


def _events(found: Timeline) -> list[Event]:
    return [
        *_decided(found),
        *_attempted(found),
        *_held(found),
        *_waiting(found),
        *_booked(found),
        *((one["refused_at"], one["code"], one["message"]) for one in found.conflicts),
    ]


def _decided(found: Timeline) -> Iterator[Event]:
    request = found.request
    asked = request["body"].get("kind", "chargeback")
    if request["body"].get("requested_at"):
        asked += f", requested at {request['body']['requested_at']}"
    yield request["received_at"], "asked", asked
    if request["refusal_code"]:
        field = f" ({request['refusal_field']})" if request["refusal_field"] else ""
        text = f"{request['refusal_code']}{field}: {request['refusal_message']}"
        yield request["received_at"], "refused", text
    else:
        reserved = money(request["amount_minor"], request["currency"])
        yield request["accepted_at"], "accepted", f"reserved {reserved}"


def _held(found: Timeline) -> Iterator[Event]:
    for one in found.holds:
        what = f"{one['kind']} {one['dispute_id'] or ''}".strip()
        yield one["placed_at"], "held", f"waits for {what}"
        if one["released_at"]:
            note = f": {one['note']}" if one["note"] else ""
            yield one["released_at"], "released", f"{what} by {one['released_by']}{note}"
    request = found.request
    if request["cancel_code"]:
        text = f"{request['cancel_code']} by {request['cancelled_by']}"
        yield request["finished_at"], "cancelled", text


def _attempted(found: Timeline) -> Iterator[Event]:
    currency = found.request["currency"]
    repayments = {one["id"]: one for one in found.repayments}
    for attempt in found.attempts:
        repayment = repayments[attempt["repayment_id"]]
        cash, debt = repayment["cash_minor"], repayment["amount_minor"] - repayment["cash_minor"]
        parts = []
        if cash:
            parts.append(
                f"{money(cash, currency)} through {repayment['provider']}, "
                f"key {repayment['provider_key']}"
            )
        if repayment["kind"] == RepaymentKind.CHARGEBACK:
            parts = [money(cash, currency)]
        if repayment["kind"] == RepaymentKind.OVERPAYMENT:
            parts.append("overpaid")
        for tender in ("gift_card", "store_credit"):
            if repayment[f"{tender}_minor"]:
                parts.append(
                    f"{money(repayment[f'{tender}_minor'], currency)} to {tender.replace('_', ' ')}"
                )
        if debt:
            parts.append(f"{money(debt, currency)} off the customer's debt")
        charged_back = repayment["kind"] == RepaymentKind.CHARGEBACK
        what = "charged back" if charged_back else ACTIONS[attempt["action"]]
        yield attempt["started_at"], what, "; ".join(parts)
        if attempt["outcome"]:
            told = (attempt["outcome"], attempt["code"], repayment["provider_refund_id"])
            yield attempt["finished_at"], "answered", " ".join(word for word in told if word)


def _waiting(found: Timeline) -> Iterator[Event]:
    for one in found.repayments:
        if one["next_attempt_at"]:
            yield one["next_attempt_at"], "next attempt", f"the repayment is {one['state']}"
        if one["state"] == RepaymentState.PARKED:
            last = max(
                (
                    attempt["started_at"]
                    for attempt in found.attempts
                    if attempt["repayment_id"] == one["id"]
                ),
                default=found.request["received_at"],
            )
            yield last, "parked", f"{one['code']}: a person must decide"


def _booked(found: Timeline) -> Iterator[Event]:
    currency = found.request["currency"]
    entries: dict[tuple[datetime, str], list[str]] = {}
    for leg in found.booked:
        side = "Dr" if leg["amount_minor"] > 0 else "Cr"
        text = f"{side} {leg['account']} {money(abs(leg['amount_minor']), currency)}"
        entries.setdefault((leg["posted_at"], leg["kind"]), []).append(text)
    for (at, kind), legs in entries.items():
        yield at, "booked", f"{kind}: {', '.join(legs)}"
    for one in found.deductions:
        amount = money(one["amount_minor"], currency)
        text = f"{amount} off payout {one['payout_id']} ({one['payout_state']})"
        yield one["posted_at"], "deducted", text
    for one in found.credits:
        amount = money(one["amount_minor"] + one["tender_minor"], currency)
        tax = money(one["tax_minor"], currency)
        text = f"no {one['number']} on invoice {one['capture_id']}: {amount}, tax {tax}"
        yield one["issued_at"], "credited", text
