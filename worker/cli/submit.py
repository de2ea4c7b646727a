"""`refunds submit`: ask for refunds."""

from typing import Annotated

import typer

from worker.cli.captures import CurrencyDefault, FileArgument, MerchantDefault
from worker.cli.output import EXIT_REJECTS, JsonOption, console, print_json
from worker.cli.report import figures_table
from worker.cli.sending import send_requests, wait_until_finished
from worker.cli.servers import ready_servers
from worker.files.messages import Defaults
from worker.steps.reporting import report as make_report


def submit(
    file: FileArgument,
    merchant: MerchantDefault = "demo",
    currency: CurrencyDefault = None,
    wait: Annotated[bool, typer.Option(help="Wait until all are repaid and deducted.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Send a file of refund requests through the queue, and wait until each is decided.

    Needs a running worker (`refunds up`). Submitting a file again changes nothing: every request
    is answered with its stored answer.
    """
    with ready_servers():
        sent = send_requests(file, Defaults(merchant_id=merchant, currency=currency))
        if wait:
            wait_until_finished(merchant)
        figures = make_report(merchant)
    if as_json:
        not_sent = [str(fault) for fault in sent.faults]
        print_json({"submitted": sent.delivered, "not_sent": not_sent, "report": figures})
    else:
        console.print(f"{sent.delivered} requests decided, {len(sent.faults)} not sent.")
        console.print(figures_table(figures, merchant))
    if sent.faults:
        raise typer.Exit(EXIT_REJECTS)
