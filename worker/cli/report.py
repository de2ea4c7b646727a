"""`refunds report`: figures of a merchant, and whether the books agree."""

from typing import Any

import typer
from rich.table import Table

from worker.cli.output import EXIT_UNFINISHED, JsonOption, MerchantOption, console, print_json
from worker.cli.servers import ready_servers
from worker.steps.reporting import report as make_report

LABELS = {
    "orders": "orders",
    "captured_lines": "captured lines",
    "captured_minor": "captured (minor units)",
    "refund_requests": "refund requests",
    "accepted": "accepted",
    "refunded_minor": "refunded (minor units)",
    "orders_refunded": "orders refunded",
    "repaid_minor": "repaid as money",
    "debt_reduced_minor": "taken off customers' debts",
    "charged_back_minor": "charged back in disputes",
    "return_fees_minor": "kept as return fees",
    "provider_repaid_minor": "repaid, by the sandbox's own book",
    "deducted_minor": "deducted from payouts",
    "ledger_balanced": "ledger balanced",
    "held": "held",
    "cancelled": "cancelled",
    "overdue": "overdue",
    "failed": "failed",
    "parked_messages": "parked messages",
    "unfinished": "unfinished",
    "resent": "messages sent again",
    "worker_restarts": "worker restarts",
    "elapsed_seconds": "elapsed (seconds)",
}
ONLY_IF_ANY = ("charged_back_minor", "return_fees_minor", "held", "cancelled", "overdue")
MARKETS_SHOWN_MAX = 8


def report(merchant: MerchantOption = "demo", as_json: JsonOption = False) -> None:
    """Show what was asked, decided, repaid and deducted, and whether the books agree.

    Exits with 4 when something is unfinished or the books do not agree.
    """
    with ready_servers():
        figures = make_report(merchant)
    if as_json:
        print_json(figures)
    else:
        console.print(figures_table(figures, merchant))
    if not books_agree(figures):
        raise typer.Exit(EXIT_UNFINISHED)


def books_agree(figures: dict[str, Any]) -> bool:
    """Whether nothing is unfinished and our books say what the provider's says."""
    return bool(
        figures["ledger_balanced"]
        and not figures["unfinished"]
        and figures["deducted_minor"] == figures["refunded_minor"]
        and figures["repaid_through_sandbox_minor"] == figures["provider_repaid_minor"]
    )


def figures_table(figures: dict[str, Any], merchant: str) -> Table:
    """The figures as a table for people."""
    table = Table(title=f"Refunds of merchant {merchant}", show_header=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, label in LABELS.items():
        if name in figures and (figures[name] or name not in ONLY_IF_ANY):
            table.add_row(label, _shown(figures[name]))
            if name == "accepted":
                for code, count in figures["refused"].items():
                    table.add_row(f"refused: {code}", _shown(count))
            if name == "refunded_minor":
                _add_markets(table, figures["refunded_minor_by_market"])
    return table


def _add_markets(table: Table, by_market: dict[str, int]) -> None:
    shown = dict(list(by_market.items())[:MARKETS_SHOWN_MAX])
    for market, total in shown.items():
        table.add_row(f"  in {market}", _shown(total), style="dim")
    rest = len(by_market) - len(shown)
    if rest:
        total = sum(by_market.values()) - sum(shown.values())
        table.add_row(f"  in {rest} more markets", _shown(total), style="dim")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:,}" if isinstance(value, int) else str(value)
