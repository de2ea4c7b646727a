"""`refunds demo`: the main job, end to end."""

import json
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.cli.captures import CurrencyDefault, MerchantDefault, ProviderDefault
from worker.cli.output import EXIT_REJECTS, EXIT_UNFINISHED, JsonOption, console, errors, print_json
from worker.cli.payouts import payouts_table
from worker.cli.processes import Workers
from worker.cli.report import books_agree, figures_table
from worker.cli.sending import Sent, send_captures, send_requests, wait_until_finished
from worker.cli.servers import ready_servers
from worker.files.messages import Defaults
from worker.settings import settings
from worker.steps.reporting import payouts_of
from worker.steps.reporting import report as make_report

FileOption = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, readable=True)]


def demo(
    captures: FileOption = None,
    refunds: FileOption = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the figures to this JSON file.")
    ] = None,
    merchant: MerchantDefault = "demo",
    provider: ProviderDefault = "sandbox",
    currency: CurrencyDefault = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep what embedded servers store, in ./.local.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the main job to its end: captures and refund requests go through the queue to a worker.

    Without files it uses a small sample. With neither DATABASE_URL nor REDIS_URL set it starts
    servers of its own and, unless told to keep them, forgets them afterwards.
    """
    started = time.monotonic()
    defaults = Defaults(merchant, provider, currency)
    sample = files("worker.files") / "sample"
    capture_file = captures or Path(str(sample / "captures.csv"))
    refund_file = refunds or Path(str(sample / "refunds.csv"))
    with tempfile.TemporaryDirectory(prefix="refunds-demo-", ignore_cleanup_errors=True) as scratch:
        data_dir = settings().data_dir if keep else Path(scratch)
        with ready_servers(data_dir):
            figures, sent = _run(capture_file, refund_file, defaults, data_dir / "logs")
            payouts = payouts_of(merchant)
    figures["elapsed_seconds"] = round(time.monotonic() - started, 1)
    if report is not None:
        report.write_text(json.dumps(figures, indent=2) + "\n")
    if as_json:
        print_json(figures)
    else:
        console.print(figures_table(figures, merchant))
        console.print(payouts_table(payouts, merchant))
        _print_verdict(figures)
    if not books_agree(figures):
        raise typer.Exit(EXIT_UNFINISHED)
    if sent.faults:
        raise typer.Exit(EXIT_REJECTS)


def _run(
    captures: Path, refunds: Path, defaults: Defaults, log_dir: Path
) -> tuple[dict[str, Any], Sent]:
    with Workers(log_dir) as workers:
        first = send_captures(captures, defaults, workers.check)
        second = send_requests(refunds, defaults, workers.check)
        wait_until_finished(defaults.merchant_id, workers.check)
        figures = make_report(defaults.merchant_id)
        figures["resent"] = first.resent + second.resent
        figures["worker_restarts"] = workers.restarts
    return figures, Sent(faults=first.faults + second.faults)


def _print_verdict(figures: dict[str, Any]) -> None:
    if books_agree(figures):
        console.print("[green]All finished; the books agree on every side.[/green]")
    else:
        errors.print("[red]Something is unfinished, or the books do not agree.[/red]")
