"""`refunds captures`: tell the worker what was captured."""

from pathlib import Path
from typing import Annotated

import typer

from worker.cli.output import EXIT_REJECTS, JsonOption, console, print_json
from worker.cli.sending import send_captures
from worker.cli.servers import ready_servers
from worker.files.messages import Defaults

app = typer.Typer(help="Tell the worker what was captured.", no_args_is_help=True)

FileArgument = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV, plain or .gz.")
]
MerchantDefault = Annotated[
    str, typer.Option("--merchant", help="The merchant of rows without the column merchant_id.")
]
ProviderDefault = Annotated[
    str, typer.Option("--provider", help="The provider of rows without the column provider.")
]
CurrencyDefault = Annotated[
    str | None, typer.Option("--currency", help="The currency of rows without the column.")
]


@app.command("load")
def load(
    file: FileArgument,
    merchant: MerchantDefault = "demo",
    provider: ProviderDefault = "sandbox",
    currency: CurrencyDefault = None,
    as_json: JsonOption = False,
) -> None:
    """Send a file of captures through the queue, and wait until each is stored.

    Needs a running worker (`refunds up`). Sending a file again changes nothing.
    """
    with ready_servers():
        sent = send_captures(file, Defaults(merchant, provider, currency))
    if as_json:
        print_json({"stored": sent.delivered, "not_sent": [str(fault) for fault in sent.faults]})
    else:
        console.print(f"{sent.delivered} captures stored, {len(sent.faults)} not sent.")
    if sent.faults:
        raise typer.Exit(EXIT_REJECTS)
