"""Files: what is read, and how a fault is named."""

import gzip
from pathlib import Path

import pytest

from models.messages.captures import CaptureRecordV1
from models.messages.refunds import RefundRequestV1
from worker.files.messages import Defaults, read_captures, read_requests
from worker.files.rows import FileFaultError, RowFault

CAPTURES = "order_id,capture_id,captured_at,market,currency,line_id,quantity,total_amount\n"
ROW = "o,c,2026-01-01T00:00:00Z,DE,EUR,1,2,100\n"
REQUESTS = "idempotency_key,order_id,line_id,quantity\n"
SAMPLE = Path(__file__).parents[2] / "worker/files/sample"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.csv"


def captures(path: Path) -> list[CaptureRecordV1 | RowFault]:
    return list(read_captures(path, Defaults()))


def requests(path: Path) -> list[RefundRequestV1 | RowFault]:
    return list(read_requests(path, Defaults()))


def test_plain_zipped_and_marked_files_read_alike(file: Path) -> None:
    file.write_text(CAPTURES + ROW)
    plain = captures(file)
    file.write_text("\ufeff" + CAPTURES + ROW)
    assert captures(file) == plain
    zipped = file.with_suffix(".csv.gz")
    zipped.write_bytes(gzip.compress((CAPTURES + ROW).encode()))
    assert captures(zipped) == plain
    (found,) = plain
    assert isinstance(found, CaptureRecordV1)
    assert (found.merchant_id, found.provider, found.captured_minor) == ("demo", "sandbox", 100)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "column 'order_id' is missing"),
        (CAPTURES.replace("market", "markt") + ROW, "column 'market' is missing"),
        (CAPTURES.replace("currency", "currenzy") + ROW, "did you mean 'currency'"),
        (CAPTURES.replace("currency", "market") + ROW, "a column is there twice"),
        (CAPTURES + "o,c\n", "line 2: 2 cells under 8 columns"),
        (CAPTURES + ROW + ROW.replace("o,c,", "p,d,") + ROW, "line 4: capture_id 'c' comes again"),
        (CAPTURES + 'o,"c\n', "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_said_with_line_and_fault(
    file: Path, content: str, fault: str
) -> None:
    file.write_text(content)
    with pytest.raises(FileFaultError, match=r"file\.csv") as raised:
        captures(file)
    assert fault in str(raised.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a,b\n\xc3\x28"])
def test_a_file_that_is_no_text_is_said(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(FileFaultError):
        captures(file)


def test_a_torn_zipped_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "torn.csv.gz"
    path.write_bytes(gzip.compress((CAPTURES + ROW * 1).encode())[:-12])
    with pytest.raises(FileFaultError, match="cannot be read"):
        captures(path)


@pytest.mark.parametrize("number", ["1.5", "\uff11\uff12", "9" * 25, "", "x", "1e3", "-", "--1"])
def test_a_bad_number_is_named_by_line_and_field_and_others_are_read(
    file: Path, number: str
) -> None:
    bad = ROW.replace("o,c,", "p,d,").replace(",100\n", f",{number}\n")
    file.write_text(CAPTURES + ROW + bad + ROW.replace("o,c,", "q,e,"))
    good, fault, other = captures(file)
    assert isinstance(good, CaptureRecordV1)
    assert isinstance(other, CaptureRecordV1)
    assert isinstance(fault, RowFault)
    assert (fault.line, fault.field) == (3, "lines[0].total_amount_minor")


def test_the_rows_of_a_request_that_name_the_same_line_add_up(file: Path) -> None:
    file.write_text(REQUESTS + "k,o,1,2\nk,o,1,3\nk,o,2,1\n")
    (found,) = requests(file)
    assert isinstance(found, RefundRequestV1)
    assert [(line.line_id, line.quantity) for line in found.lines] == [("1", 2), ("1", 3), ("2", 1)]


def test_a_request_without_lines_is_for_the_complete_order(file: Path) -> None:
    file.write_text(REQUESTS + "k,o,,\n")
    (found,) = requests(file)
    assert isinstance(found, RefundRequestV1)
    assert found.kind == "full"


@pytest.mark.parametrize(
    ("rows", "line", "field"),
    [
        ("k,o,1,2\nk,p,1,3\n", 3, "order_id"),
        ("k,o,1,2\nk,o,,\n", 2, "line_id"),
        ("k,o,1,2\nk,o,2,0\n", 3, "lines[1].quantity"),
        (",o,1,2\n", 2, "idempotency_key"),
    ],
)
def test_a_request_that_does_not_hold_together_names_line_and_field(
    file: Path, rows: str, line: int, field: str
) -> None:
    file.write_text(REQUESTS + rows)
    (found,) = requests(file)
    assert isinstance(found, RowFault)
    assert (found.line, found.field) == (line, field)


def test_the_bundled_sample_reads_without_a_fault() -> None:
    assert all(isinstance(one, CaptureRecordV1) for one in captures(SAMPLE / "captures.csv"))
    assert all(isinstance(one, RefundRequestV1) for one in requests(SAMPLE / "refunds.csv"))
