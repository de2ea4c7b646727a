"""`refunds parked|retry|resolve|unpark`: what waits for a person."""

from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from worker.cli.instructions import ByOption, InvalidInstructionError, NoteOption
from worker.cli.output import JsonOption, console, money, print_json
from worker.cli.servers import ready_servers
from worker.cli.waiting import LimitOption, MerchantFilter
from worker.rules.selecting import BadConditionError, Condition, parse_condition
from worker.steps import casework
from worker.steps.unparking import unpark_messages

NameArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The refund's or the repayment's id.")
]


def parked(
    merchant: MerchantFilter = None, limit: LimitOption = 100, as_json: JsonOption = False
) -> None:
    """List open cases and parked messages, those with the nearest deadline first."""
    with ready_servers():
        cases, messages = casework.open_work(merchant, limit)
    if as_json:
        print_json({"cases": cases, "messages": messages})
        return
    if not cases and not messages:
        console.print("Nothing waits for a person.")
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("what", "whose", "why", "owner", "until"):
        table.add_column(name)
    for case in cases:
        amount = money(case["amount_minor"], case["currency"]) if case["currency"] else ""
        table.add_row(
            f"{case['kind']} {case['refund_id'] or ''} {amount}",
            case["merchant_id"],
            f"{case['code']}: {case['summary']}",
            case["owner"],
            _until(case),
        )
    for message in messages:
        table.add_row(
            f"message {message['id']} {message['task']} (x {message['times']})",
            message["merchant_id"] or "",
            f"{message['code']}: {message['message']}",
            message["owner"],
            _until(message),
        )
    console.print(table)


def retry(
    name: NameArgument, by: ByOption, note: NoteOption = None, as_json: JsonOption = False
) -> None:
    """Let parked repayments be tried again: never under a new key, never blindly."""
    with ready_servers():
        retried = casework.try_again(name, by, note)
    _tell(retried, "to be tried again", as_json)


def resolve(
    name: NameArgument,
    by: ByOption,
    evidence: Annotated[str, typer.Option("--evidence", help="What shows it.")],
    paid: Annotated[
        bool, typer.Option("--paid/--not-paid", help="Whether the customer has the money.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Say what became of parked repayments. Above the threshold two persons must say the same."""
    with ready_servers():
        resolved = casework.resolve(name, paid=paid, evidence=evidence, by=by)
    _tell(resolved, "recorded as paid" if paid else "recorded as not paid", as_json)


def unpark(
    by: ByOption,
    where: Annotated[
        str,
        typer.Option("--where", help="Such as: 'provider=sandbox and code=x and older than 2h'."),
    ] = "",
    limit: LimitOption = 100,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is meant.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try parked repayments and messages again, all that fit a condition."""
    try:
        condition = parse_condition(where) if where.strip() else Condition()
    except BadConditionError as error:
        raise InvalidInstructionError(str(error)) from error
    with ready_servers():
        repayments = casework.retry_where(condition, limit, by, dry_run=dry_run)
        messages = unpark_messages(condition, limit, dry_run=dry_run)
    if as_json:
        print_json({"repayments": repayments, "messages": dict(messages), "dry_run": dry_run})
        return
    verb = "would be" if dry_run else "are"
    console.print(f"{len(repayments)} repayments {verb} tried again.")
    for pk, line in messages:
        console.print(f"message {pk}: {line}", markup=False, highlight=False)


def _tell(found: list[Any], what: str, as_json: bool) -> None:
    if as_json:
        print_json({"repayments": found})
        return
    for one in found:
        console.print(f"repayment {one}: {what}", highlight=False)


def _until(one: dict[str, Any]) -> str:
    return f"{one['deadline_at']:%Y-%m-%d %H:%M}" + (" LATE" if one["late"] else "")
