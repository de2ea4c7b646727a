"""`refunds credits`: the credit records of a merchant."""

from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from worker.cli.output import JsonOption, MerchantOption, console, money, percent, print_json
from worker.cli.servers import ready_servers
from worker.cli.waiting import LimitOption
from worker.steps import listing


def credit_records(
    merchant: MerchantOption = "demo",
    order: Annotated[str | None, typer.Option("--order", help="Only of this order.")] = None,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """List credit records: one a refund and invoice (capture), numbered without gaps."""
    with ready_servers():
        found = listing.credit_records(merchant, order, limit)
    if as_json:
        print_json(found)
    elif found:
        console.print(_table(found, merchant))
    else:
        console.print("There are no credit records.")


def _table(found: list[dict[str, Any]], merchant: str) -> Table:
    title = f"Credit records of merchant {merchant}"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("no", justify="right", no_wrap=True)
    table.add_column("issued", no_wrap=True)
    for name in ("order", "invoice"):
        table.add_column(name)
    for name in ("amount", "to tenders", "tax by rate"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        currency = one["currency"]
        table.add_row(
            str(one["number"]),
            f"{one['issued_at']:%Y-%m-%d}",
            one["order_id"],
            one["capture_id"],
            money(one["amount_minor"], currency),
            money(one["tender_minor"], currency) if one["tender_minor"] else "",
            "\n".join(
                f"{percent(tax['tax_rate'])}: {money(tax['tax_minor'], currency)}"
                for tax in one["taxes"]
            ),
        )
    return table
