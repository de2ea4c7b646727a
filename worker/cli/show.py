"""`refunds show`: a refund's timeline."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from worker.cli.output import JsonOption, console, money, print_json
from worker.cli.servers import ready_servers
from worker.steps import showing
from worker.store.timeline import Timeline


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
        console.print(
            f"refund {request['refund_id']} · [bold]{request['state']}[/bold] · "
            f"{money(request['settled_minor'], currency)} of "
            f"{money(request['amount_minor'], currency)} repaid",
            highlight=False,
        )
    for line in found.lines:
        console.print(
            f"  {line['quantity']} x {line['line_id']} {line['name']} · "
            f"{money(line['amount_minor'], request['currency'])} of capture {line['capture_id']}",
            style="dim",
            markup=False,
            highlight=False,
        )


def _events(found: Timeline) -> list[tuple[Any, str, str]]:
    request, currency = found.request, found.request["currency"]
    asked = request["body"]["kind"]
    if request["body"].get("requested_at"):
        asked += f", requested at {request['body']['requested_at']}"
    events: list[tuple[Any, str, str]] = [(request["received_at"], "asked", asked)]
    if request["refusal_code"]:
        field = f" ({request['refusal_field']})" if request["refusal_field"] else ""
        text = f"{request['refusal_code']}{field}: {request['refusal_message']}"
        events.append((request["received_at"], "refused", text))
    else:
        text = f"reserved {money(request['amount_minor'], currency)}"
        events.append((request["accepted_at"], "accepted", text))
    captures = {one["id"]: one for one in found.repayments}
    for attempt in found.attempts:
        repayment = captures[attempt["repayment_id"]]
        cash, amount = repayment["cash_minor"], repayment["amount_minor"]
        what = {"send": "sent", "ask": "asked provider", "none": "reduced debt"}[attempt["action"]]
        text = f"{money(cash, currency)} through {repayment['provider']}, key {repayment['provider_key']}"
        if cash != amount:
            text += f"; {money(amount - cash, currency)} off the customer's debt"
        events.append((attempt["started_at"], what, text))
        if attempt["outcome"]:
            code = f" {attempt['code']}" if attempt["code"] else ""
            number = repayment["provider_refund_id"]
            text = f"{attempt['outcome']}{code}" + (f", {number}" if number else "")
            events.append((attempt["finished_at"], "answered", text))
    for one in found.repayments:
        if one["state"] in ("due", "unknown", "pending"):
            events.append((one["next_attempt_at"], "next attempt", f"is {one['state']}"))
        if one["state"] == "parked":
            events.append((request["accepted_at"], "parked", f"{one['code']}: needs a person"))
    entries: dict[tuple[Any, str], list[str]] = {}
    for leg in found.booked:
        side = "Dr" if leg["amount_minor"] > 0 else "Cr"
        text = f"{side} {leg['account']} {money(abs(leg['amount_minor']), currency)}"
        entries.setdefault((leg["posted_at"], leg["kind"]), []).append(text)
    events += [(at, "booked", f"{kind}: {', '.join(legs)}") for (at, kind), legs in entries.items()]
    for one in found.deductions:
        text = f"{money(one['amount_minor'], currency)} off payout {one['payout_id']} ({one['payout_state']})"
        events.append((one["posted_at"], "deducted", text))
    events += [(one["refused_at"], one["code"], one["message"]) for one in found.conflicts]
    return events
