"""`refunds approve|deny|cancel|received`, `refunds disputes`, `refunds captures pay`.

What a person says on the command line is the same message that an upstream would send.
"""

from typing import Annotated, Any
from uuid import uuid4

import typer

from models.messages import names
from models.messages.parsing import InvalidMessageError, parse
from worker.cli.output import EXIT_ERROR, JsonOption, console, errors, print_json
from worker.cli.servers import ready_servers
from worker.errors import RefundWorkerError
from worker.steps.instructions import follow, message_of

RefundArgument = Annotated[str, typer.Argument(metavar="ID", help="The refund's id.")]
ByOption = Annotated[str, typer.Option("--by", help="Who says so.")]
NoteOption = Annotated[str | None, typer.Option("--note", help="Why.")]
MerchantNamed = Annotated[str, typer.Option("--merchant", help="Whose it is.")]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", help="Idempotency key, for saying the same twice. Default: a new one."),
]
AmountOption = Annotated[int, typer.Option("--amount", help="In minor units.")]

disputes = typer.Typer(help="Tell of disputes that customers opened.", no_args_is_help=True)


class InvalidInstructionError(RefundWorkerError):
    """What was given on the command line makes no message. The text names the fields."""


def approve(
    refund_id: RefundArgument,
    by: ByOption,
    merchant: MerchantNamed = "demo",
    note: NoteOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a refund that waits for it. Whoever asked for it may not."""
    said = {"refund_id": refund_id, "by": by, "note": note}
    _instruct(names.REFUNDS_APPROVE, merchant, key, said, as_json)


def deny(
    refund_id: RefundArgument,
    by: ByOption,
    merchant: MerchantNamed = "demo",
    note: NoteOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deny a refund that waits for approval; what it reserved is free again."""
    said = {"refund_id": refund_id, "by": by, "note": note}
    _instruct(names.REFUNDS_DENY, merchant, key, said, as_json)


def cancel(
    refund_id: RefundArgument,
    by: ByOption,
    merchant: MerchantNamed = "demo",
    note: NoteOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel a refund, as long as its provider has not been called."""
    said = {"refund_id": refund_id, "by": by, "note": note}
    _instruct(names.REFUNDS_CANCEL, merchant, key, said, as_json)


def received(
    refund_id: RefundArgument,
    by: ByOption,
    merchant: MerchantNamed = "demo",
    note: NoteOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that the goods are back that a refund waits for."""
    said = {"refund_id": refund_id, "by": by, "note": note}
    _instruct(names.REFUNDS_GOODS_RECEIVED, merchant, key, said, as_json)


def pay(
    capture_id: Annotated[str, typer.Argument(help="The capture (invoice) that is paid.")],
    amount: AmountOption,
    merchant: MerchantNamed = "demo",
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a customer has paid (part of) what was still owed."""
    said = {"capture_id": capture_id, "amount_minor": amount}
    _instruct(names.CAPTURES_PAYMENT, merchant, key, said, as_json)


@disputes.command("open")
def open_dispute(
    dispute_id: Annotated[str, typer.Argument(help="The dispute's id at the provider.")],
    order: Annotated[str, typer.Option("--order", help="The disputed order.")],
    amount: AmountOption,
    capture: Annotated[str | None, typer.Option("--capture", help="Only this capture.")] = None,
    merchant: MerchantNamed = "demo",
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a dispute: refunds of the capture or order wait until it is closed."""
    said = {
        "dispute_id": dispute_id,
        "order_id": order,
        "capture_id": capture,
        "amount_minor": amount,
    }
    _instruct(names.DISPUTES_OPENED, merchant, key, said, as_json)


@disputes.command("close")
def close_dispute(
    dispute_id: Annotated[str, typer.Argument(help="The dispute's id at the provider.")],
    outcome: Annotated[str, typer.Option("--outcome", help="won or lost (by the merchant).")],
    amount: Annotated[
        int | None, typer.Option("--amount", help="Charged back, in minor units; default: all.")
    ] = None,
    merchant: MerchantNamed = "demo",
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a dispute: won, and refunds go on; lost, and the chargeback takes their place."""
    said = {"dispute_id": dispute_id, "outcome": outcome, "amount_minor": amount}
    _instruct(names.DISPUTES_CLOSED, merchant, key, said, as_json)


def _instruct(
    task: str, merchant: str, key: str | None, said: dict[str, Any], as_json: bool
) -> None:
    body = {"merchant_id": merchant, "idempotency_key": key or str(uuid4()), **said}
    try:
        message = parse(message_of(task), body)
    except InvalidMessageError as error:
        raise InvalidInstructionError(str(error)) from error
    with ready_servers():
        (answer,) = follow(task, [message])
    refusal = answer.refusal
    if as_json:
        told = {"code": refusal.code, "message": refusal.message} if refusal else None
        print_json({"decision": answer.decision, "replayed": answer.replayed, "refusal": told})
    elif refusal is None:
        console.print("Done." if not answer.replayed else "Done before.")
    else:
        errors.print(f"refunds: refused, {refusal.code}: {refusal.message}", style="red")
    if refusal is not None:
        raise typer.Exit(EXIT_ERROR)
