"""`refunds preview`: what would become of refund requests, without effect."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from models.messages.parsing import InvalidMessageError, parse
from models.messages.refunds import RefundRequestV1
from worker.cli.instructions import InvalidInstructionError
from worker.cli.output import EXIT_REJECTS, JsonOption, console, errors, money, print_json
from worker.cli.servers import ready_servers
from worker.errors import NotConfiguredError
from worker.files.messages import Defaults, read_requests
from worker.files.rows import RowFault
from worker.steps.previewing import CapturePreview, LinePreview, Preview
from worker.steps.previewing import preview as make_preview

PREVIEW_KEY = "preview"
DETAILED_MAX = 20


def preview(
    file: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV, plain or .gz."),
    ] = None,
    order: Annotated[
        str | None, typer.Option("--order", help="One order, in place of a file.")
    ] = None,
    merchant: Annotated[
        str, typer.Option("--merchant", help="Whose order; in files, of rows without the column.")
    ] = "demo",
    line: Annotated[
        list[str] | None, typer.Option("--line", help="LINE=QUANTITY, as often as needed.")
    ] = None,
    line_amount: Annotated[
        list[str] | None, typer.Option("--line-amount", help="LINE=MINOR UNITS, likewise.")
    ] = None,
    amount: Annotated[int | None, typer.Option(help="A bare amount, in minor units.")] = None,
    capture: Annotated[
        str | None, typer.Option(help="Of this capture only (with an amount, or all of it).")
    ] = None,
    return_fee: Annotated[int, typer.Option(help="Kept, in minor units.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Preview refunds by the real rules: what would be accepted, of which lines, and what is left.

    Of a file, or of one order: all that is left of it, unless lines or an amount are named.
    Nothing is stored or sent. Exits with 3 when something would be refused.
    """
    if (file is None) == (order is None):
        raise NotConfiguredError("give either a file or --order")
    if file is not None:
        read = list(read_requests(file, Defaults(merchant)))
        faults = [one for one in read if isinstance(one, RowFault)]
        messages = [one for one in read if not isinstance(one, RowFault)]
    else:
        lines = [*_lines(line or [], "quantity"), *_lines(line_amount or [], "amount_minor")]
        messages = [_message(order or "", merchant, lines, amount, capture, return_fee)]
        faults = []
    with ready_servers():
        previews = make_preview(messages)
    if as_json:
        print_json(
            {"requests": [asdict(one) for one in previews], "not_read": list(map(str, faults))}
        )
    else:
        for fault in faults:
            errors.print(f"not read: {fault}", style="yellow", markup=False, highlight=False)
        _print(messages, previews)
    if faults or any(one.answer.refusal for one in previews):
        raise typer.Exit(EXIT_REJECTS)


def _lines(told: list[str], measure: str) -> Iterator[dict[str, Any]]:
    for one in told:
        line_id, _, number = one.rpartition("=")
        if not line_id or not number.isascii() or not number.isdigit() or len(number) > 20:
            raise InvalidInstructionError(f"{one!r} is not LINE=NUMBER")
        yield {"line_id": line_id, measure: int(number)}


def _message(
    order: str,
    merchant: str,
    lines: list[dict[str, Any]],
    amount: int | None,
    capture: str | None,
    return_fee: int,
) -> RefundRequestV1:
    body: dict[str, Any] = {
        "merchant_id": merchant,
        "idempotency_key": PREVIEW_KEY,
        "order_id": order,
        "kind": "lines" if lines else "full" if amount is None else "amount",
        "lines": [{**line, "capture_id": capture} for line in lines],
        "amount_minor": amount,
        "capture_id": None if lines else capture,
        "return_fee_minor": return_fee,
    }
    try:
        return parse(RefundRequestV1, body)
    except InvalidMessageError as error:
        raise InvalidInstructionError(str(error)) from error


def _print(messages: list[RefundRequestV1], previews: list[Preview]) -> None:
    pairs = list(zip(messages, previews, strict=True))
    for message, one in pairs[:DETAILED_MAX]:
        console.print(_tree(message, one))
    if len(pairs) > DETAILED_MAX:
        console.print(f"… and {len(pairs) - DETAILED_MAX} more (all with --json)")
    by_currency: dict[str, int] = {}
    for one in previews:
        if one.amount_minor:
            by_currency[one.currency] = by_currency.get(one.currency, 0) + one.amount_minor
    refused = sum(1 for one in previews if one.answer.refusal)
    totals = ", ".join(money(total, currency) for currency, total in sorted(by_currency.items()))
    console.print(
        f"{len(previews) - refused} would be accepted ({totals or 'nothing new'}), "
        f"{refused} refused.",
        highlight=False,
    )


def _tree(message: RefundRequestV1, one: Preview) -> Tree:
    head = f"{message.idempotency_key} · order {message.order_id} · {one.answer.decision}"
    if one.answer.refusal:
        refusal = one.answer.refusal
        text = f"{head} {refusal.code}: {refusal.message}"
        return Tree(Text(text, style="yellow"))
    if one.answer.replayed:
        return Tree(Text(f"{head} before; nothing new"))
    tree = Tree(Text(f"{head} {money(one.amount_minor, one.currency)}"))
    for capture in one.captures:
        branch = tree.add(Text(_capture(capture, one.currency)))
        for line in one.lines:
            if line.capture_id == capture.capture_id:
                branch.add(Text(_line(line, one.currency), style="dim"))
    if one.holds:
        tree.add(Text(f"waits for {', '.join(one.holds)}"))
    if one.due_at:
        tree.add(Text(f"due by {one.due_at:%Y-%m-%d}"))
    tree.add(Text(f"left of the order: {money(one.left_minor, one.currency)}"))
    return tree


def _capture(capture: CapturePreview, currency: str) -> str:
    parts = {
        "repaid": capture.repaid_minor,
        "off the customer's debt": capture.debt_minor,
        "kept as return fee": capture.return_fee_minor,
        "to the gift card": capture.gift_card_minor,
        "to store credit": capture.store_credit_minor,
    }
    told = ", ".join(
        f"{money(amount, currency)} {what}" for what, amount in parts.items() if amount
    )
    return f"capture {capture.capture_id}: {told or 'nothing to pay'}"


def _line(line: LinePreview, currency: str) -> str:
    units = f"{line.taken.quantity} x " if line.taken.quantity else ""
    return (
        f"{units}{line.line_id} ({line.type}): {money(line.taken.amount_minor, currency)}, "
        f"tax {money(line.taken.tax_minor, currency)}; "
        f"left {line.left.quantity} x, {money(line.left.amount_minor, currency)}"
    )
