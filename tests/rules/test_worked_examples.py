"""Every figure in the worked examples of docs/rules.md is what the rules say."""

import json
import re
from collections import defaultdict
from decimal import Decimal

import pytest

from models.messages.fields import exponent_of
from models.values.refusals import RETIRED, RefusalCode
from models.values.states import HoldKind
from tests.rules.worked import EXAMPLES, TEXT, Example, Play, Row, message, number, tables

REQUIRED = {
    "woocommerce-64668",
    "klarna-return-fee",
    "three-units-for-100",
    "yen",
    "dinars",
    "unidades-de-fomento",
    "captured-in-parts",
    "bare-amount",
    "amount-within-a-line",
    "us-sales-tax",
    "order-level-discount",
    "gift-card-and-store-credit",
    "unpaid-invoice",
    "partly-paid-invoice",
    "free-line",
    "return-fee-divided",
}
COMPONENTS = ("units", "amount", "tax", "discount")
ROWS = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^a-z0-9 -]", "", heading.strip("# ").lower()).replace(" ", "-")


def play(example: Example) -> Play:
    """An example played to its end."""
    played = Play.of(example)
    for row in example.requests:
        if row["#"]:
            played.event(row["#"], row["request"])
    return played


def shown(rows: list[Row], told: list[Row]) -> list[Row]:
    """Rows by the columns of a table. What has no column must come to nothing."""
    columns = told[0].keys() if told else set[str]()
    for row in rows:
        hidden = {word: cell for word, cell in row.items() if word not in columns}
        assert not told or set(hidden.values()) <= {"", "0"}, hidden
    return [{word: row.get(word, "") for word in columns} for row in rows]


@ROWS
def test_the_rules_take_what_the_tables_say(example: Example) -> None:
    assert shown(play(example).rows, example.requests) == example.requests


@ROWS
def test_the_rules_leave_what_the_tables_say(example: Example) -> None:
    left = play(example).left()
    assert len(left) == len(example.left)
    assert shown(left, example.left) == example.left


@ROWS
def test_the_captured_total_is_told_in_major_units(example: Example) -> None:
    terms = example.terms
    decimals = exponent_of(terms["currency"])
    captured = sum(number(row, "amount") for row in example.captured)
    assert number(terms, "decimals") == decimals
    assert terms["captured"] == f"{Decimal(captured).scaleb(-decimals):f}"


@ROWS
def test_the_tables_add_up_by_themselves(example: Example) -> None:
    """With nothing of the rules: what is taken and what is left make what was captured."""
    left: dict[str, int] = defaultdict(int)
    lines: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in example.captured:
        left[row["capture"]] += number(row, "amount")
        for word in COMPONENTS:
            lines[row["capture"], row["line"], word] += number(row, word)
    of_capture: list[Row] = []
    place = ""
    for row in example.requests:
        place = row["#"] or place
        if row["capture"] == "refused":
            continue
        if row["line"] == "all":
            for word in COMPONENTS[1:]:
                assert number(row, word) == sum(number(one, word) for one in of_capture)
        elif row["line"]:
            of_capture.append(row)
            for word in COMPONENTS:
                lines[row["capture"], row["line"], word] -= number(row, word)
        if row["left"]:
            given = number(row, "amount") - number(row, "fee")
            assert number(row, "money") + number(row, "debt") == given
            left[row["capture"]] -= given
            assert number(row, "left") == left[row["capture"]]
            of_capture = []
            kept = row["capture"], f"return_fee:#{place}"
            if number(row, "fee"):
                lines[*kept, "units"] += 1
                lines[*kept, "amount"] += number(row, "fee")
                lines[*kept, "tax"] += number(row, "fee tax")
    for row in example.left:
        for word in COMPONENTS:
            lines[row["capture"], row["line"], word] -= number(row, word)
    assert not {where: figure for where, figure in lines.items() if figure}


def test_the_examples_that_readers_need_are_there() -> None:
    assert EXAMPLES.keys() >= REQUIRED


def test_an_example_has_its_name_from_its_heading_and_is_told_of_in_the_rules() -> None:
    headings = re.findall(r"^#+ .+$", TEXT, re.MULTILINE)
    linked = set(re.findall(r"\]\(#([^)]+)\)", TEXT))
    assert [slug(one.heading) for one in EXAMPLES.values()] == [*EXAMPLES]
    assert linked <= {slug(heading) for heading in headings}
    assert EXAMPLES.keys() <= linked


def test_the_answers_and_holds_that_the_rules_tell_of_are_real() -> None:
    rows = [row for table in tables(TEXT.split("## Worked examples")[0]) for row in table]
    answers = [row["the answer otherwise"] for row in rows if "the answer otherwise" in row]
    assert len(answers) > 7
    assert {*answers} <= {*RefusalCode} - {*RETIRED}
    assert [row["waits for"] for row in rows if "waits for" in row] == [*HoldKind]


def test_the_words_of_the_examples_stand_for_these_messages() -> None:
    (words,) = tables(TEXT.split("<!-- words -->\n")[1].split("\n\n")[0] + "\n")
    assert len(words) > 5
    for row in words:
        assert message(row["words"]) == json.loads(f"{{{row['message']}}}")
