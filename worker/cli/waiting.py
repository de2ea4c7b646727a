"""`refunds held` and `refunds overdue`: what waits for somebody."""

from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from worker.cli.output import EXIT_UNFINISHED, JsonOption, console, money, print_json
from worker.cli.servers import ready_servers
from worker.steps import listing

MerchantFilter = Annotated[
    str | None, typer.Option("--merchant", help="Only this merchant's; all without it.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]


def held(
    merchant: MerchantFilter = None, limit: LimitOption = 100, as_json: JsonOption = False
) -> None:
    """List refunds that wait for approval, goods or the end of a dispute."""
    with ready_servers():
        found = listing.held_refunds(merchant, limit)
    _print(found, "No refund waits.", as_json)


def overdue(
    merchant: MerchantFilter = None, limit: LimitOption = 100, as_json: JsonOption = False
) -> None:
    """List refunds that should have been repaid by now (in the EU: 14 days).

    Exits with 4 when there are any.
    """
    with ready_servers():
        found = listing.overdue_refunds(merchant, limit)
    _print(found, "No refund is overdue.", as_json)
    if found:
        raise typer.Exit(EXIT_UNFINISHED)


def _print(found: list[dict[str, Any]], nothing: str, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if not found:
        console.print(nothing)
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("refund", "merchant", "order"):
        table.add_column(name, no_wrap=name == "refund")
    table.add_column("amount", justify="right", no_wrap=True)
    for name in ("waits for", "by", "due"):
        table.add_column(name)
    for one in found:
        table.add_row(
            str(one["refund_id"]),
            one["merchant_id"],
            one["order_id"],
            money(one["amount_minor"], one["currency"]),
            ", ".join(one["holds"]) or one["state"],
            one["requested_by"] or "",
            f"{one['due_at']:%Y-%m-%d}" if one["due_at"] else "",
        )
    console.print(table)
