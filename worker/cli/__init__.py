"""The command line `refunds`."""

import sys

import typer

from worker.cli import (
    captures,
    casework,
    crediting,
    demo,
    instructions,
    payouts,
    preview,
    report,
    schemas,
    servers,
    show,
    submit,
    waiting,
)
from worker.cli.output import EXIT_ERROR, errors
from worker.database import explain
from worker.errors import RefundWorkerError
from worker.log import configure_logging

app = typer.Typer(
    name="refunds",
    help="Refund what was captured: never twice, never lost, every cent accounted for.\n\n"
    "Start with [bold]refunds demo[/bold]. With neither DATABASE_URL nor REDIS_URL set, commands "
    "start a PostgreSQL and a Valkey of their own in ./.local and stop them afterwards.",
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
captures.app.command("pay")(instructions.pay)
app.add_typer(captures.app, name="captures")
app.command("submit")(submit.submit)
app.command("preview")(preview.preview)
app.command("show")(show.show)
app.command("held")(waiting.held)
app.command("overdue")(waiting.overdue)
app.command("approve")(instructions.approve)
app.command("deny")(instructions.deny)
app.command("cancel")(instructions.cancel)
app.command("received")(instructions.received)
app.command("parked")(casework.parked)
app.command("retry")(casework.retry)
app.command("resolve")(casework.resolve)
app.command("unpark")(casework.unpark)
app.add_typer(instructions.disputes, name="disputes")
app.command("credits")(crediting.credit_records)
app.command("report")(report.report)
app.add_typer(payouts.app, name="payouts")
app.command("migrate")(servers.migrate)
app.command("up")(servers.up)
app.add_typer(schemas.app, name="schemas")


def main() -> None:
    """Run the command line. Expected faults end in a sentence, not in a stack trace."""
    configure_logging()
    try:
        app()
    except RefundWorkerError as error:
        errors.print(f"refunds: {error}", style="red", markup=False, highlight=False)
        sys.exit(EXIT_ERROR)
    except Exception as error:
        sentence = explain(error)
        if sentence is None:
            raise
        errors.print(f"refunds: {sentence}", style="red", markup=False, highlight=False)
        sys.exit(EXIT_ERROR)
