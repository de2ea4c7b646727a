"""The worked examples of docs/rules.md: read from its tables, and played through the rules."""

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from models.messages.captures import CaptureRecordV1
from models.messages.parsing import parse
from models.messages.refunds import RefundRequestV1
from models.values.identifiers import refund_id_of, return_fee_line_id
from models.values.orders import Acceptance, Capture, CapturedLine, OrderBook, Portion
from models.values.policies import Circumstances, FeePolicy, FeeSupport, Policy
from models.values.refusals import Refusal
from models.values.states import LineType
from worker.rules.eligibility import decide
from worker.rules.splitting import overpaid_of

TEXT = (Path(__file__).parents[2] / "docs/rules.md").read_text()
START = datetime(2026, 11, 1, tzinfo=UTC)
NOW = START + timedelta(days=30)
TERMS = {
    "currency",
    "decimals",
    "captured",
    "paid",
    "provider takes fees",
    "fee tax rate",
    "fee cap rate",
    "minimum",
    "maximum",
    "approval above",
}
ASKED = re.compile(r"(\d+)( units?)? of (\S+?)(?: in (\S+))?")
WHOLE = re.compile(r"(full|amount)(?: (\d+))?(?: in (\S+))?")
PAID = re.compile(r"payment of (\d+) in (\S+)")

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Example:
    """An example as the document tells it: a row by the words of its table's header."""

    heading: str
    terms: Row
    captured: list[Row]
    requests: list[Row]
    left: list[Row]


def tables(text: str) -> list[list[Row]]:
    """The Markdown tables of a text."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        header, _, *rows = [
            [cell.strip(" *`") for cell in line[1:-1].split("|")] for line in block.splitlines()
        ]
        found.append([dict(zip(header, row, strict=True)) for row in rows])
    return found


def examples(text: str) -> dict[str, Example]:
    """The examples of a document by name."""
    _, *pieces = re.split(r"<!-- example: ([a-z0-9-]+) -->\n", text)
    found = {}
    for name, piece in zip(pieces[::2], pieces[1::2], strict=True):
        told = re.split(r"^## ", piece, flags=re.MULTILINE)[0]
        heading, terms, captured, requests, *left = told.splitlines()[0], *tables(told)
        assert len(terms) == 1, name
        assert terms[0].keys() <= TERMS, name
        assert len(left) + told.count("\nNothing is left.\n") == 1, "says what is left, and once"
        assert name not in found, "an example is told twice"
        found[name] = Example(heading, terms[0], captured, requests, left[0] if left else [])
    return found


EXAMPLES = examples(TEXT)


def number(row: Row, column: str) -> int:
    """A figure; where it is left out there is nothing."""
    return int(row.get(column) or 0)


def message(words: str) -> dict[str, Any]:
    """What of a `refunds.request` message the words of an example stand for."""
    asked, *wishes = words.split(", ")
    body: dict[str, Any] = {"kind": "lines"}
    whole = WHOLE.fullmatch(asked)
    if whole is not None:
        kind, amount, capture = whole.groups()
        body = {"kind": kind} | ({"amount_minor": int(amount)} if amount else {})
        body |= {"capture_id": capture} if capture else {}
    else:
        body["lines"] = []
        for one in asked.split(" and "):
            match = ASKED.fullmatch(one)
            assert match, one
            figure, units, line_id, capture = match.groups()
            line = {"line_id": line_id, "quantity" if units else "amount_minor": int(figure)}
            body["lines"].append(line | ({"capture_id": capture} if capture else {}))
    for wish in wishes:
        if wish == "without shares":
            body["with_shares"] = False
        else:
            body["return_fee_minor"] = int(wish.removeprefix("keeping "))
    return body


def book_of(example: Example) -> OrderBook:
    """The order, through the message that records a capture: what it refuses is no example."""
    currency, paid = example.terms["currency"], example.terms["paid"]
    by_capture: dict[str, list[Row]] = defaultdict(list)
    for row in example.captured:
        by_capture[row["capture"]].append(row)
    captures: list[Capture] = []
    lines: dict[int, dict[str, CapturedLine]] = {}
    for pk, (capture_id, rows) in enumerate(by_capture.items(), start=1):
        body: dict[str, Any] = {
            "merchant_id": "m",
            "order_id": "o",
            "capture_id": capture_id,
            "captured_at": (START + timedelta(days=pk)).isoformat(),
            "market": "DE",
            "currency": currency,
            "provider": "sandbox",
            "lines": [captured_line(row) for row in rows],
        }
        if paid != "all":
            body["customer_paid_minor"] = int(paid)
        told = parse(CaptureRecordV1, body)
        captured, paid_minor = told.captured_minor, told.paid_minor
        captures.insert(
            0, Capture(pk, capture_id, told.captured_at, "sandbox", captured, paid_minor, 0, 0)
        )
        lines[pk] = {
            line.line_id: CapturedLine(
                pk * 100 + place,
                pk,
                line.line_id,
                line.type,
                Portion(
                    line.quantity,
                    line.total_amount_minor,
                    line.total_tax_minor,
                    line.total_discount_minor,
                ),
                Portion(),
                line.tax_rate,
            )
            for place, line in enumerate(told.lines)
        }
    return OrderBook(1, "m", "o", currency, captures, lines)


def captured_line(row: Row) -> dict[str, Any]:
    """A line of the message that records a capture."""
    line: dict[str, Any] = {
        "line_id": row["line"],
        "type": row["type"],
        "quantity": number(row, "units"),
        "total_amount_minor": number(row, "amount"),
        "total_tax_minor": number(row, "tax"),
        "total_discount_minor": number(row, "discount"),
        "tax_rate": number(row, "tax rate"),
    }
    return line | ({"unit_price": row["unit price"]} if row.get("unit price") else {})


def circumstances(terms: Row) -> Circumstances:
    """What an example's terms allow."""
    cap, above = terms.get("fee cap rate"), terms.get("approval above")
    fee = FeePolicy(None, int(cap) if cap else None, number(terms, "fee tax rate"))
    policy = Policy(
        return_fee=fee if "fee tax rate" in terms else None,
        amount_min_minor=number(terms, "minimum"),
        amount_max_minor=number(terms, "maximum") or Policy().amount_max_minor,
        approval_above_minor=int(above) if above else None,
    )
    return Circumstances(
        NOW, policy, {"sandbox": FeeSupport(terms.get("provider takes fees", "none"))}
    )


def figures(portion: Portion) -> Row:
    """A portion as a table tells it."""
    told = {
        "units": portion.quantity,
        "amount": portion.amount_minor,
        "tax": portion.tax_minor,
        "discount": portion.discount_minor,
    }
    return {word: str(figure) for word, figure in told.items()}


@dataclass(slots=True)
class Play:
    """An example played through: each refund settles before the next is asked for."""

    book: OrderBook
    around: Circumstances
    rows: list[Row] = field(default_factory=list)
    fees: dict[str, str] = field(default_factory=dict)
    """The line of a kept fee → as the document writes it."""

    @classmethod
    def of(cls, example: Example) -> "Play":
        """An example before its first request."""
        return cls(book_of(example), circumstances(example.terms))

    def event(self, place: str, words: str) -> None:
        """A request or a payment; adds the rows that tell of it."""
        payment = PAID.fullmatch(words)
        told = self._paid(*payment.groups()) if payment else self._asked(place, words)
        self.rows += [{"#": place, "request": words} | told[0], *told[1:]]

    def _paid(self, amount: str, capture_id: str) -> list[Row]:
        """More than is still owed goes back as money, out of what had reduced the debt."""
        (before,) = [one for one in self.book.captures if one.capture_id == capture_id]
        after = replace(before, paid_minor=before.paid_minor + int(amount))
        assert after.paid_minor <= after.captured_minor
        back = overpaid_of(after)
        after = replace(after, cash_minor=after.cash_minor + back)
        captures = [after if one is before else one for one in self.book.captures]
        self.book = replace(self.book, captures=captures)
        moved = {"capture": capture_id, "money": str(back), "debt": str(-back)}
        return [moved | self._standing(after)]

    def _asked(self, place: str, words: str) -> list[Row]:
        body = {"merchant_id": "m", "idempotency_key": place, "order_id": "o"} | message(words)
        for line in body.get("lines", ()):
            names = {shown: line_id for line_id, shown in self.fees.items()}
            line["line_id"] = names.get(line["line_id"], line["line_id"])
        verdict = decide(parse(RefundRequestV1, body).to_ask(), self.book, self.around)
        if isinstance(verdict, Refusal):
            return [{"capture": "refused", "line": str(verdict.code)}]
        self.book = self.book.with_taken(verdict.shares)
        self._keep_fees(verdict, place)
        told: list[Row] = []
        for share in verdict.shares:
            capture = self.book.capture(share.capture_pk)
            where = {"capture": capture.capture_id}
            total = Portion()
            for line_share in share.lines:
                line_id = self.fees.get(line_share.line_id, line_share.line_id)
                told.append(where | {"line": line_id} | figures(line_share.portion))
                total = total.plus(line_share.portion)
            if len(share.lines) > 1:
                told.append(where | {"line": "all"} | figures(total) | {"units": ""})
            moved = {
                "fee": share.fee.amount_minor if share.fee else 0,
                "fee tax": share.fee.tax_minor if share.fee else 0,
                "money": share.cash_minor,
                "debt": share.amount_minor - share.cash_minor,
                "gift card": share.gift_card_minor,
                "store credit": share.store_credit_minor,
            }
            told[-1] |= {word: str(figure) for word, figure in moved.items()}
            told[-1] |= self._standing(capture)
        told[-1]["waits for"] = ", ".join(verdict.holds)
        return told

    def _keep_fees(self, verdict: Acceptance, place: str) -> None:
        line_id = return_fee_line_id(refund_id_of("m", place))
        for share in verdict.shares:
            if share.fee is not None:
                self.fees[line_id] = f"return_fee:#{place}"
                kept = Portion(1, share.fee.amount_minor, share.fee.tax_minor)
                rate = share.fee.tax_rate_basis_points
                pk = share.capture_pk * 100 + 50 + len(self.fees)
                kind = LineType.RETURN_FEE
                line = CapturedLine(pk, share.capture_pk, line_id, kind, kept, Portion(), rate)
                of_capture = self.book.lines[share.capture_pk] | {line_id: line}
                lines = self.book.lines | {share.capture_pk: of_capture}
                self.book = replace(self.book, lines=lines)

    @staticmethod
    def _standing(capture: Capture) -> Row:
        return {"left": str(capture.left_minor), "owed": str(capture.debt_left_minor)}

    def left(self) -> list[Row]:
        """What is left of each line at the end."""
        return [
            {"capture": capture.capture_id, "line": self.fees.get(line.line_id, line.line_id)}
            | figures(line.left)
            for capture in reversed(self.book.captures)
            for line in self.book.lines[capture.pk].values()
            if line.left != Portion()
        ]
