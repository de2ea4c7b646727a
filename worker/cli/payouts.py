"""`refunds payouts`: what merchants are paid, and what is deducted from it."""

from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from models.values.booking import PayoutTotals
from worker.cli.output import (
    EXIT_ERROR,
    JsonOption,
    MerchantOption,
    console,
    errors,
    money,
    print_json,
)
from worker.cli.servers import ready_servers
from worker.steps import closing
from worker.steps.reporting import payouts_of

app = typer.Typer(help="What merchants are paid, and what is deducted.", no_args_is_help=True)


@app.command("list")
def list_payouts(merchant: MerchantOption = "demo", as_json: JsonOption = False) -> None:
    """List a merchant's payouts; the open one with what it comes to so far."""
    with ready_servers():
        found = payouts_of(merchant)
    if as_json:
        print_json(found)
    else:
        console.print(payouts_table(found, merchant))


@app.command("close")
def close(
    currency: Annotated[str, typer.Option(help="ISO 4217.")],
    merchant: MerchantOption = "demo",
    as_json: JsonOption = False,
) -> None:
    """Close the open payout of a currency: total it, and carry a shortfall forward as debt."""
    with ready_servers():
        totals = closing.close_payout(merchant, currency)
    if totals is None:
        errors.print(
            f"refunds: merchant {merchant!r} has no open payout in {currency}", style="red"
        )
        raise typer.Exit(EXIT_ERROR)
    amounts = {name: getattr(totals, name) for name in PayoutTotals.__dataclass_fields__}
    if as_json:
        print_json(amounts)
    else:
        for name, amount in amounts.items():
            console.print(
                f"{name.removesuffix('_minor').replace('_', ' '):<14} {money(amount, currency)}"
            )


def payouts_table(found: list[dict[str, Any]], merchant: str) -> Table:
    """Payouts as a table for people."""
    table = Table(title=f"Payouts of merchant {merchant}", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("no", "in", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("sales", "returns", "reversals", "old debt", "new debt", "settlement"):
        table.add_column(name, justify="right", no_wrap=True)
    for payout in found:
        amounts = ["sales_minor", "returns_minor", "reversals_minor"]
        if payout["state"] != "open":
            amounts += ["opening_debt_minor", "closing_debt_minor", "settlement_minor"]
        table.add_row(
            str(payout["id"]),
            payout["currency"],
            payout["state"],
            *(money(payout[name], payout["currency"]).split()[0] for name in amounts),
        )
    return table
