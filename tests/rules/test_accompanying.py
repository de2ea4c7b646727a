"""What goes along with named lines: shares of sales tax, discounts, gift cards, store credit."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.orders import Portion, RefundAsk
from models.values.states import LineType
from tests.rules.drawing import (
    accepted,
    alone,
    amounts,
    bare,
    book,
    full,
    keeping,
    line,
    named,
    portions,
    taken,
    together,
    units,
)
from tests.rules.reckoning import half_away
from worker.rules.accompanying import accompanies

TAX, CARD, CREDIT = LineType.SALES_TAX, LineType.GIFT_CARD, LineType.STORE_CREDIT
SHOP = book([line("a", 1, 100), line("b", 1, 50), line("off", 1, -30)])
US = book([line("a", 1, 100), line("b", 1, 200), line("tax", 1, 25, kind=TAX)])


@pytest.mark.parametrize("kind", LineType)
def test_sales_tax_goes_along_and_so_do_negative_discounts_and_tenders(kind: LineType) -> None:
    negative = {LineType.DISCOUNT, CARD, CREDIT}
    assert accompanies(line("l", 1, -1, kind=kind)) is (kind in negative | {TAX})
    for amount in (0, 1):
        assert accompanies(line("l", 1, amount, kind=kind)) is (kind is TAX)


@pytest.mark.parametrize(
    ("ask", "taken_of"),
    [
        (units(("a", 1)), {"a": 100, "off": -20}),
        (units(("b", 1)), {"b": 50, "off": -10}),
        (units(("a", 1), ("b", 1)), {"a": 100, "b": 50, "off": -30}),
        (amounts(("a", 50)), {"a": 50, "off": -10}),
        (amounts(("a", 2)), {"a": 2}),
        (amounts(("a", 3)), {"a": 3, "off": -1}),
        (alone(units(("b", 1))), {"b": 50}),
        (together(units(("a", 1)), amounts(("off", 5))), {"a": 100, "off": -5}),
        (units(("a", 1), ("off", 1)), {"a": 100, "off": -30}),
    ],
)
def test_a_price_takes_its_share_of_the_discount_along_unless_told_otherwise(
    ask: RefundAsk, taken_of: dict[str, int]
) -> None:
    """150 less 30. A half of a cent (of 2.5) is rounded up; a named discount is taken as named."""
    assert named(accepted(ask, SHOP)) == taken_of


def test_what_earlier_requests_left_comes_with_the_next() -> None:
    of = taken(SHOP, alone(units(("a", 1))))
    assert named(accepted(units(("b", 1)), of)) == {"b": 50, "off": -30}
    of = taken(SHOP, alone(amounts(("a", 100))))
    assert named(accepted(amounts(("b", 40)), of)) == {"b": 40, "off": -28}


def test_what_earlier_requests_took_too_much_is_not_taken_back() -> None:
    of = taken(SHOP, together(units(("a", 1)), amounts(("off", 25))))
    assert named(accepted(amounts(("b", 20)), of)) == {"b": 20}
    assert named(accepted(amounts(("b", 30)), of)) == {"b": 30, "off": -1}


def test_shares_of_a_bare_amount_count_with_those_that_go_along() -> None:
    """A third of all is 40: 33 of one, 17 of the other, and 10 off; then the rest follows."""
    of = taken(SHOP, bare(40))
    assert named(accepted(amounts(("a", 67)), of)) == {"a": 67, "off": -13}


def test_the_share_of_sales_tax_goes_along_and_the_last_goods_take_the_rest() -> None:
    verdict = accepted(units(("a", 1)), US)
    assert portions(verdict.shares) == {1: Portion(1, 100, 0, 0), 3: Portion(0, 8, 0, 0)}
    (share,) = verdict.shares
    assert [one.basis for one in share.lines] == [None, Portion(0, 8, 0, 0)]
    verdict = accepted(units(("b", 1)), US.with_taken(verdict.shares))
    assert portions(verdict.shares) == {2: Portion(1, 200, 0, 0), 3: Portion(1, 17, 0, 0)}


def test_sales_tax_that_is_named_alone_takes_nothing_along() -> None:
    of = book([line("a", 1, 100), line("tax", 1, 10, kind=TAX), line("off", 1, -20)])
    assert named(accepted(units(("tax", 1)), of)) == {"tax": 10}
    assert named(accepted(units(("tax", 1), ("a", 1)), of)) == {"a": 100, "tax": 10, "off": -20}


def test_a_gift_card_gets_its_part_again_but_one_that_was_bought_is_goods() -> None:
    of = book(
        [
            line("a", 1, 100),
            line("bought", 1, 100, kind=CARD),
            line("paid", 1, -50, kind=CARD),
            line("credit", 1, -10, kind=CREDIT),
        ]
    )
    (share,) = accepted(units(("bought", 1)), of).shares
    assert portions([share]) == {
        2: Portion(1, 100, 0, 0),
        3: Portion(0, -25, 0, 0),
        4: Portion(0, -5, 0, 0),
    }
    assert (share.amount_minor, share.gift_card_minor, share.store_credit_minor) == (70, 25, 5)


def test_each_capture_gives_shares_of_its_own_and_only_if_goods_of_it_go_back() -> None:
    of = book(
        [line("a", 1, 100), line("off", 1, -10)],
        [line("a", 1, 100), line("off", 1, -50)],
        [line("x", 1, 10), line("off", 1, -1)],
    )
    first, second = accepted(units(("a", 2)), of).shares
    assert [(one.line_id, one.portion.amount_minor) for one in first.lines] == [
        ("a", 100),
        ("off", -50),
    ]
    assert [(one.line_id, one.portion.amount_minor) for one in second.lines] == [
        ("a", 100),
        ("off", -10),
    ]


def test_free_goods_take_nothing_along() -> None:
    of = book([line("gift", 1, 0), line("a", 1, 100), line("off", 1, -10)], [line("x", 1, 5)])
    assert named(accepted(units(("gift", 1), ("x", 1)), of)) == {"gift": 0, "x": 5}


def test_goods_of_which_a_cent_is_left_leave_the_accompanying_units() -> None:
    """Only the last cent of all goods takes units: else an amount of the discount goes along."""
    of = book([line("a", 1, 100), line("off", 2, -10)])
    verdict = accepted(amounts(("a", 99)), of)
    assert portions(verdict.shares)[2] == Portion(0, -10, 0, 0)
    of = of.with_taken(verdict.shares)
    assert portions(accepted(amounts(("a", 1)), of).shares) == {
        1: Portion(0, 1, 0, 0),
        2: Portion(2, 0, 0, 0),
    }


def test_what_goes_along_and_is_used_up_is_not_told() -> None:
    of = taken(SHOP, units(("a", 1), ("off", 1)))
    assert named(accepted(units(("b", 1)), of)) == {"b": 50}


def test_a_kept_fee_is_no_goods_and_takes_nothing_along() -> None:
    of = taken(SHOP, keeping(12, units(("a", 1), key="first")))
    (fee,) = [one.line_id for one in of.lines[1].values() if one.type is LineType.RETURN_FEE]
    assert named(accepted(units((fee, 1)), of)) == {fee: 12}
    assert named(accepted(units(("b", 1)), of)) == {"b": 50, "off": -10}


@given(
    st.lists(st.integers(2, 10**6) | st.integers(2, 9), min_size=1, max_size=6),
    st.integers(1, 10**6),
    st.sampled_from([(TAX, 1), (LineType.DISCOUNT, -1), (CARD, -1), (CREDIT, -1)]),
    st.data(),
)
def test_shares_add_up_to_the_line_whatever_the_order_of_the_goods(
    goods: list[int], along: int, kind: tuple[LineType, int], data: st.DataObject
) -> None:
    """Goods of another capture go back beside them, since a share may come to nothing."""
    whole = sum(goods)
    along = along if kind[1] > 0 else -(1 + along % (whole - 1))
    told = [line(f"g{n}", 1, amount) for n, amount in enumerate(goods)]
    of = book(
        [*told, line("along", 1, along, kind=kind[0])], [line("x", len(goods), 10 * len(goods))]
    )
    given_back = 0
    for number in data.draw(st.permutations(range(len(goods)))):
        of = taken(of, units((f"g{number}", 1), ("x", 1)))
        given_back += goods[number]
        share = half_away(Fraction(along * given_back, whole))
        # The last cent of the capture takes all that is left and comes to nothing.
        emptied = of.capture(1).left_minor == 0
        assert of.lines[1]["along"].taken.amount_minor == (along if emptied else share)
    assert of.capture(1).left_minor == 0
    assert of.lines[1]["along"].left.amount_minor == 0


@given(st.lists(st.integers(1, 900), min_size=1, max_size=5), st.data())
def test_whoever_names_all_goods_gets_what_full_gives(
    goods: list[int], data: st.DataObject
) -> None:
    told = [line(f"g{n}", 1, amount) for n, amount in enumerate(goods)]
    off = -data.draw(st.integers(0, sum(goods) - 1))
    of = book([*told, line("off", 1, off), line("tax", 1, sum(goods) // 9, kind=TAX)])
    by_lines = accepted(units(*((one.line_id, 1) for one in told), *([("off", 1)] * (not off))), of)
    assert by_lines == accepted(full(), of)
