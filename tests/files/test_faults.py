"""Files as people make them: what is forgiven, what is not, and how it is said."""

import csv
import gzip
import io
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.messages.captures import CaptureRecordV1
from models.messages.refunds import RefundRequestV1
from models.values.states import LineType, RefundKind
from worker.files.messages import (
    CAPTURE_OPTIONAL,
    CAPTURE_REQUIRED,
    REFUND_OPTIONAL,
    REFUND_REQUIRED,
    Defaults,
    read_captures,
    read_requests,
)
from worker.files.rows import FileFaultError, Row, RowFault, read_rows, whole_number

SAMPLE = Path(__file__).parents[2] / "worker/files/sample"
Capture = dict[str, Any]
GOOD: Capture = {
    "order_id": "o",
    "capture_id": "c",
    "captured_at": "2026-01-01T00:00:00Z",
    "market": "DE",
    "currency": "EUR",
    "line_id": "1",
    "quantity": "2",
    "total_amount": "100",
}
ASKED: Capture = {
    "idempotency_key": "k",
    "order_id": "o",
    "line_id": "1",
    "quantity": "2",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def written(folder: Path, *rows: Capture, name: str = "file.csv") -> Path:
    """A file of these rows; its columns are all that any row names."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    path = folder / name
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def captures(path: Path, **defaults: str) -> list[CaptureRecordV1 | RowFault]:
    return list(read_captures(path, Defaults(**defaults)))


def requests(path: Path, **defaults: str) -> list[RefundRequestV1 | RowFault]:
    return list(read_requests(path, Defaults(**defaults)))


def capture(path: Path, **defaults: str) -> CaptureRecordV1:
    (found,) = captures(path, **defaults)
    assert isinstance(found, CaptureRecordV1), found
    return found


def request(path: Path, **defaults: str) -> RefundRequestV1:
    (found,) = requests(path, **defaults)
    assert isinstance(found, RefundRequestV1), found
    return found


def fault(found: list[Any]) -> tuple[int, str]:
    (one,) = found
    assert isinstance(one, RowFault), one
    assert one.message
    assert str(one).startswith(f"line {one.line}: {one.field}")
    return one.line, one.field


def test_every_column_lands_in_its_field(folder: Path) -> None:
    path = written(
        folder,
        GOOD
        | {
            "merchant_id": "shop",
            "provider": "other",
            "type": "digital",
            "reference": "SKU",
            "name": "Cup, blue",
            "unit_price": "0.55",
            "total_discount_amount": "10",
            "tax_rate": "1900",
            "total_tax_amount": "16",
            "customer_paid_amount": "40",
            "customer_id": "a person",
        },
    )
    found = capture(path)
    assert (found.merchant_id, found.provider, found.market) == ("shop", "other", "DE")
    assert (found.captured_minor, found.paid_minor) == (100, 40)
    (line,) = found.lines
    assert (line.type, line.reference, line.name) == (LineType.DIGITAL, "SKU", "Cup, blue")
    assert (line.quantity, str(line.unit_price)) == (2, "0.55")
    assert (line.total_discount_minor, line.tax_rate, line.total_tax_minor) == (10, 1900, 16)
    assert "a person" not in found.model_dump_json()


def test_every_column_of_a_request_lands_in_its_field(folder: Path) -> None:
    path = written(
        folder,
        ASKED
        | {
            "merchant_id": "shop",
            "currency": "EUR",
            "capture_id": "c",
            "reason": "return",
            "requested_at": "2026-01-02T00:00:00Z",
        },
    )
    found = request(path)
    assert (found.merchant_id, found.idempotency_key, found.order_id) == ("shop", "k", "o")
    assert (found.kind, found.currency, found.reason) == (RefundKind.LINES, "EUR", "return")
    (line,) = found.lines
    assert (line.line_id, line.quantity, line.capture_id) == ("1", 2, "c")
    assert found.requested_at is not None


def test_empty_cells_take_the_defaults_that_were_given(folder: Path) -> None:
    told = {name: cell for name, cell in GOOD.items() if name != "currency"}
    found = capture(written(folder, told), merchant_id="x", provider="y", currency="SEK")
    assert (found.merchant_id, found.provider, found.currency) == ("x", "y", "SEK")
    asked = request(written(folder, ASKED), merchant_id="x", currency="SEK")
    assert (asked.merchant_id, asked.currency) == ("x", "SEK")


def test_a_capture_without_any_currency_names_it(folder: Path) -> None:
    told = {name: cell for name, cell in GOOD.items() if name != "currency"}
    assert fault(captures(written(folder, told))) == (2, "currency")


def test_columns_may_come_in_any_order(folder: Path) -> None:
    turned = dict(reversed(GOOD.items()))
    assert captures(written(folder, turned)) == captures(written(folder, GOOD))


@pytest.mark.parametrize("column", CAPTURE_REQUIRED)
def test_a_capture_file_without_a_required_column_names_it(folder: Path, column: str) -> None:
    told = {name: cell for name, cell in GOOD.items() if name != column}
    with pytest.raises(FileFaultError, match=rf"file\.csv: column '{column}' is missing"):
        captures(written(folder, told))


@pytest.mark.parametrize("column", REFUND_REQUIRED)
def test_a_request_file_without_a_required_column_names_it(folder: Path, column: str) -> None:
    told = {name: cell for name, cell in ASKED.items() if name != column}
    with pytest.raises(FileFaultError, match=rf"column '{column}' is missing"):
        requests(written(folder, told))


@pytest.mark.parametrize(
    ("column", "near"),
    [
        ("tax_rates", "tax_rate"),
        ("total_tax", "total_tax_amount"),
        ("Type", "type"),
        (" name", "name"),
        ("customer_paid_amont", "customer_paid_amount"),
    ],
)
def test_an_unknown_column_is_named_with_the_nearest_known(
    folder: Path, column: str, near: str
) -> None:
    with pytest.raises(FileFaultError) as raised:
        captures(written(folder, GOOD | {column: ""}))
    assert f"column {column!r} is not known; did you mean {near!r}?" in str(raised.value)


def test_an_unknown_column_that_is_like_no_other_has_no_hint(folder: Path) -> None:
    with pytest.raises(FileFaultError) as raised:
        captures(written(folder, GOOD | {"zzz": ""}))
    assert str(raised.value).endswith("column 'zzz' is not known")


@pytest.mark.parametrize("column", ["order_id", "currency"])
def test_a_column_that_is_there_twice_is_a_fault(folder: Path, column: str) -> None:
    path = written(folder, GOOD)
    head, row, *_ = path.read_text().splitlines()
    path.write_text(f"{head},{column}\n{row},x\n")
    with pytest.raises(FileFaultError, match="twice"):
        captures(path)


@pytest.mark.parametrize("change", [lambda row: row + ",x", lambda row: row.rpartition(",")[0]])
def test_a_wrong_number_of_cells_is_named_by_line(
    folder: Path, change: Callable[[str], str]
) -> None:
    path = written(folder, GOOD, GOOD | {"line_id": "2"}, GOOD | {"line_id": "3"})
    rows = path.read_text().splitlines()
    rows[2] = change(rows[2])
    path.write_text("\n".join(rows))
    with pytest.raises(FileFaultError, match=r"file\.csv, line 3: [79] cells under 8 columns"):
        captures(path)


def test_what_comes_before_a_fault_of_the_file_is_given(folder: Path) -> None:
    path = written(folder, GOOD, GOOD | {"capture_id": "d"})
    path.write_text(path.read_text() + "x\n")
    reading: Iterator[CaptureRecordV1 | RowFault] = read_captures(path, Defaults())
    assert isinstance(next(reading), CaptureRecordV1)
    with pytest.raises(FileFaultError, match="line 4"):
        list(reading)


@pytest.mark.parametrize("key", ["c", ""])
def test_a_key_that_comes_again_after_another_is_a_fault(folder: Path, key: str) -> None:
    one, other = GOOD | {"capture_id": key}, GOOD | {"capture_id": "other"}
    with pytest.raises(FileFaultError) as raised:
        captures(written(folder, one, other, other | {"line_id": "2"}, one))
    assert f"line 5: capture_id {key!r} comes again" in str(raised.value)
    asked, besides = ASKED | {"idempotency_key": key}, ASKED | {"idempotency_key": "other"}
    with pytest.raises(FileFaultError) as raised:
        requests(written(folder, asked, besides, asked))
    assert f"line 4: idempotency_key {key!r} comes again" in str(raised.value)


@pytest.mark.parametrize(
    ("column", "other"),
    [
        ("order_id", "p"),
        ("market", "SE"),
        ("currency", "SEK"),
        ("merchant_id", "n"),
        ("provider", "other"),
        ("customer_paid_amount", "7"),
    ],
)
def test_the_rows_of_a_capture_must_agree(folder: Path, column: str, other: str) -> None:
    second = GOOD | {"line_id": "2"}
    path = written(folder, GOOD, second, second | {"line_id": "3", column: other})
    assert fault(captures(path)) == (4, column)


@pytest.mark.parametrize(
    ("column", "other"),
    [("order_id", "p"), ("merchant_id", "n"), ("currency", "SEK"), ("reason", "x")],
)
def test_the_rows_of_a_request_must_agree(folder: Path, column: str, other: str) -> None:
    path = written(folder, ASKED, ASKED | {"line_id": "2"}, ASKED | {column: other})
    assert fault(requests(path)) == (4, column)


BAD_NUMBERS = ["1.5", "1.0", "\uff11\uff12", "\u0661", "9" * 25, "x", "1e3", "1,000", "+5", "0x1"]
BAD_NUMBERS += ["-", "--1", "1_0", "\u00b2", "inf", "NaN"]


@pytest.mark.parametrize("number", BAD_NUMBERS, ids=ascii)
@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("quantity", "lines[1].quantity"),
        ("total_amount", "lines[1].total_amount_minor"),
        ("total_discount_amount", "lines[1].total_discount_minor"),
        ("tax_rate", "lines[1].tax_rate"),
        ("total_tax_amount", "lines[1].total_tax_minor"),
    ],
)
def test_a_bad_number_of_a_capture_is_named_by_line_and_field(
    folder: Path, column: str, field: str, number: str
) -> None:
    path = written(folder, GOOD, GOOD | {"line_id": "2", column: number})
    assert fault(captures(path)) == (3, field)


@pytest.mark.parametrize("number", BAD_NUMBERS, ids=ascii)
def test_other_bad_numbers_are_named_by_line_and_field(folder: Path, number: str) -> None:
    path = written(folder, GOOD | {"customer_paid_amount": number})
    assert fault(captures(path)) == (2, "customer_paid_minor")
    path = written(folder, ASKED, ASKED | {"line_id": "2", "quantity": number})
    assert fault(requests(path)) == (3, "lines[1].quantity")


@pytest.mark.parametrize("column", ["quantity", "total_amount"])
def test_an_empty_number_is_named_by_line_and_field(folder: Path, column: str) -> None:
    path = written(folder, GOOD | {column: ""})
    field = {"quantity": "quantity", "total_amount": "total_amount_minor"}[column]
    assert fault(captures(path)) == (2, f"lines[0].{field}")


@settings(deadline=None)
@given(st.integers(-(10**18), 10**18), st.sampled_from(["", " ", "\t"]))
def test_every_whole_number_is_read_as_itself(number: int, blank: str) -> None:
    assert whole_number(Row(2, {"n": f"{blank}{number}{blank}"}), "n") == number


@settings(deadline=None)
@given(st.text(max_size=8) | st.text(string.digits + "-+._ ", max_size=25))
def test_any_other_text_stays_text_for_the_message_to_refuse(text: str) -> None:
    found = whole_number(Row(2, {"n": text}), "n")
    if isinstance(found, int):
        assert text.strip().removeprefix("-").lstrip("0") in (str(abs(found)), "")
    else:
        assert found == text.strip()


def test_bad_rows_do_not_keep_good_ones_from_being_read(folder: Path) -> None:
    rows = [GOOD | {"capture_id": f"c{n}", "market": "DE" if n % 2 else "ZZ"} for n in range(6)]
    found = captures(written(folder, *rows))
    assert [type(one) for one in found] == [RowFault, CaptureRecordV1] * 3
    assert [one.line for one in found if isinstance(one, RowFault)] == [2, 4, 6]


@pytest.mark.parametrize("name", ["empty.csv", "empty.csv.gz"])
@pytest.mark.parametrize("text", ["", "\ufeff", "\n"])
def test_an_empty_file_is_said(folder: Path, name: str, text: str) -> None:
    path = folder / name
    data = text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    with pytest.raises(FileFaultError, match="column 'order_id' is missing"):
        captures(path)


def test_a_header_alone_holds_nothing(folder: Path) -> None:
    path = written(folder, GOOD)
    path.write_text(path.read_text().splitlines()[0] + "\r\n")
    assert captures(path) == []


def test_a_file_that_is_not_there_or_no_file_is_said(folder: Path) -> None:
    for path in (folder / "none.csv", folder / "none.csv.gz", folder):
        with pytest.raises(FileFaultError, match="cannot be read"):
            captures(path)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_another_encoding_is_said(folder: Path, encoding: str) -> None:
    path = written(folder, GOOD | {"name": "Teekännchen"})
    path.write_bytes(path.read_bytes().decode().encode(encoding))
    with pytest.raises(FileFaultError, match="cannot be read"):
        captures(path)


def test_what_is_named_gz_and_is_not_is_said(folder: Path) -> None:
    path = written(folder, GOOD).rename(folder / "file.csv.gz")
    with pytest.raises(FileFaultError, match="cannot be read"):
        captures(path)


def damaged(folder: Path) -> Iterator[Path]:
    """A zipped file with one byte turned, at one place after another."""
    rows = [GOOD | {"order_id": f"o{n}", "capture_id": f"c{n * 7919 % 1000}"} for n in range(500)]
    path = written(folder, *rows, name="file.csv.gz")
    whole = path.read_bytes()
    for place in range(12, len(whole), 41):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        yield path


def test_a_damaged_zipped_file_is_said(folder: Path) -> None:
    for path in damaged(folder):
        with pytest.raises(FileFaultError):
            captures(path)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_ends_blank_lines_and_a_missing_last_one_are_forgiven(
    folder: Path, ending: str
) -> None:
    path = written(folder, GOOD, GOOD | {"line_id": "2"})
    whole = captures(path)
    rows = path.read_text().splitlines()
    path.write_bytes(ending.join([rows[0], "", rows[1], "", "", rows[2]]).encode())
    assert captures(path) == whole


def test_line_numbers_count_blank_lines_and_quoted_line_ends(folder: Path) -> None:
    path = written(
        folder,
        GOOD | {"name": "two\nlines"},
        GOOD | {"capture_id": "d", "name": "", "market": "ZZ"},
    )
    path.write_text(path.read_text().replace("\r\n", "\n\n"))
    found = captures(path)[1]
    assert isinstance(found, RowFault)
    line = path.read_text().splitlines()[found.line - 1]
    assert "ZZ" in line


def test_a_quote_that_is_never_closed_is_said(folder: Path) -> None:
    path = written(folder, GOOD)
    path.write_text(path.read_text() + 'o,d,"2026\n')
    with pytest.raises(FileFaultError, match="cannot be read"):
        captures(path)


def test_a_bom_and_zip_make_no_difference_to_requests(folder: Path) -> None:
    path = written(folder, ASKED, ASKED | {"line_id": "2"})
    plain = requests(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert requests(path) == plain
    zipped = folder / "file.csv.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert requests(zipped) == plain


def test_rows_with_the_same_line_ask_for_their_sum_in_the_order_of_the_file(folder: Path) -> None:
    path = written(
        folder,
        ASKED,
        ASKED | {"line_id": "2", "quantity": "5"},
        ASKED | {"quantity": "3"},
        ASKED | {"idempotency_key": "next", "quantity": "9"},
    )
    first, second = requests(path)
    assert isinstance(first, RefundRequestV1)
    assert isinstance(second, RefundRequestV1)
    total: dict[str, int] = {}
    for line in first.to_ask().lines:
        total[line.line_id] = total.get(line.line_id, 0) + (line.quantity or 0)
    assert total == {"1": 5, "2": 5}
    assert [line.path for line in first.to_ask().lines] == ["lines[0]", "lines[1]", "lines[2]"]
    assert second.lines[0].quantity == 9


def test_rows_of_a_capture_with_the_same_line_are_a_fault_of_the_second(folder: Path) -> None:
    assert fault(captures(written(folder, GOOD, GOOD))) == (3, "lines[1].line_id")


@pytest.mark.parametrize("path", sorted(SAMPLE.iterdir()), ids=lambda path: path.name)
def test_the_bundled_sample_has_no_fault(path: Path) -> None:
    read = captures if "captures" in path.name else requests
    found = read(path)
    assert len(found) > 2
    assert not [one for one in found if isinstance(one, RowFault)]


def test_the_sample_asks_in_every_way_that_is_built() -> None:
    found = [one for one in requests(SAMPLE / "refunds.csv") if isinstance(one, RefundRequestV1)]
    assert {one.kind for one in found} == {RefundKind.FULL, RefundKind.LINES}
    captured = [
        one for one in captures(SAMPLE / "captures.csv") if isinstance(one, CaptureRecordV1)
    ]
    assert any(one.paid_minor < one.captured_minor for one in captured)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_said_to_be_unreadable(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    try:
        list(read_rows(path, ["order_id"], CAPTURE_OPTIONAL))
    except FileFaultError as error:
        said = str(error)
    else:
        said = str(path)
    assert str(path) in said


def test_no_column_is_both_required_and_optional() -> None:
    assert not set(CAPTURE_REQUIRED) & set(CAPTURE_OPTIONAL)
    assert not set(REFUND_REQUIRED) & set(REFUND_OPTIONAL)
