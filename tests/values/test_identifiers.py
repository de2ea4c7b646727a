"""Identifiers follow from what they name: the same again, and never the same for another."""

import subprocess
import sys
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.identifiers import (
    RETURN_FEE_PREFIX,
    overpayment_id_of,
    provider_key_of,
    refund_id_of,
    repayment_id_of,
    return_fee_line_id,
)
from models.values.limits import ID_MAX_LENGTH

IDS = st.text(min_size=1, max_size=6) | st.text(":1a", min_size=1, max_size=4)
UUIDS = st.uuids()
PKS = st.integers(0, 2**63 - 1) | st.integers(0, 20)


def test_identifiers_are_the_same_for_ever() -> None:
    """Stored rows and keys at providers rest on these texts."""
    refund = refund_id_of("m", "k")
    repayment = repayment_id_of(refund, 7)
    assert (
        str(refund),
        str(repayment),
        provider_key_of(repayment, 0),
        str(overpayment_id_of(refund, 7, 1)),
        return_fee_line_id(refund),
    ) == FROZEN


FROZEN = (
    "929aa9a8-c149-5875-a62f-63f9c41e9053",
    "c1ca35a9-7ab1-5582-a804-a62278efaaa9",
    "591d75de-9e5a-5204-989a-61828cfc4c82",
    "35f192a0-a61a-5091-ba70-89cd3362be99",
    "return_fee:929aa9a8-c149-5875-a62f-63f9c41e9053",
)


def test_identifiers_are_the_same_in_another_process() -> None:
    code = "from models.values.identifiers import refund_id_of; print(refund_id_of('m', 'k'))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)},
    )
    assert found.stdout.strip() == str(refund_id_of("m", "k"))


@pytest.mark.parametrize(
    ("first", "second"),
    list(
        combinations(
            [
                ("a", "b:c"),
                ("a:b", "c"),
                ("a", "b"),
                ("b", "a"),
                ("a:b:c", ""),
                ("", "a:b:c"),
                ("1:a", "b"),
                ("1", "a:b"),
                ("A", "b"),
                ("a ", "b"),
                ("refund:1:a", "b"),
            ],
            2,
        )
    ),
)
def test_a_separator_in_an_id_does_not_make_two_requests_one(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    assert refund_id_of(*first) != refund_id_of(*second)


@given(st.tuples(IDS, IDS), st.tuples(IDS, IDS))
def test_two_requests_have_one_id_exactly_when_merchant_and_key_are_equal(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    assert (refund_id_of(*first) == refund_id_of(*second)) == (first == second)


@given(st.text(":1a", min_size=1, max_size=8), st.data())
def test_however_a_text_is_cut_in_merchant_and_key_the_ids_differ(
    text: str, data: st.DataObject
) -> None:
    cuts = [(text[:at], text[at:]) for at in range(len(text) + 1)]
    assert len({refund_id_of(*cut) for cut in cuts}) == len(cuts)


@given(st.tuples(UUIDS, PKS), st.tuples(UUIDS, PKS))
def test_repayments_and_their_keys_are_one_a_refund_capture_and_generation(
    first: tuple[UUID, int], second: tuple[UUID, int]
) -> None:
    one, other = repayment_id_of(*first), repayment_id_of(*second)
    assert (one == other) == (first == second)
    assert (provider_key_of(one, 0) == provider_key_of(other, 0)) == (first == second)
    keys = [provider_key_of(one, generation) for generation in range(4)]
    assert len(set(keys)) == 4
    assert keys == [provider_key_of(one, generation) for generation in range(4)]


@given(st.tuples(UUIDS, PKS, PKS), st.tuples(UUIDS, PKS, PKS))
def test_overpayments_are_one_a_refund_capture_and_number(
    first: tuple[UUID, int, int], second: tuple[UUID, int, int]
) -> None:
    assert (overpayment_id_of(*first) == overpayment_id_of(*second)) == (first == second)
    assert overpayment_id_of(*first) == overpayment_id_of(*first)


@given(UUIDS, UUIDS)
def test_a_kept_fee_is_a_line_of_its_own_and_fits_an_id(first: UUID, second: UUID) -> None:
    line_id = return_fee_line_id(first)
    assert (line_id == return_fee_line_id(second)) == (first == second)
    assert line_id.startswith(RETURN_FEE_PREFIX), "which captures may not use"
    assert len(line_id) <= ID_MAX_LENGTH


@given(UUIDS, PKS, st.integers(0, 10**6))
def test_no_identifier_of_one_kind_is_one_of_another(
    refund: UUID, capture_pk: int, generation: int
) -> None:
    repayment = repayment_id_of(refund, capture_pk)
    key = provider_key_of(repayment, generation)
    asked = refund_id_of(str(refund), str(capture_pk))
    overpaid = overpayment_id_of(refund, capture_pk, generation)
    assert len({str(repayment), key, str(asked), str(refund), str(overpaid)}) == 5


@given(UUIDS, st.integers(0, 10**6))
def test_a_key_fits_what_providers_take(repayment: UUID, generation: int) -> None:
    """Klarna recommends UUIDs; Adyen takes 64 characters."""
    key = provider_key_of(repayment, generation)
    assert str(UUID(key)) == key
    assert UUID(key).version == 5
