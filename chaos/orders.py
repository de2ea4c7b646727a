"""Draw captured orders: of several captures and currencies, with all line types, some unpaid."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chaos.behaviours import draw_behaviour

Body = dict[str, Any]

MERCHANTS = tuple(f"merchant-{number}" for number in range(6))
# market, currency, decimals; and whether the default policy allows return fees there.
MARKETS = (
    ("DE", "EUR", 2, True),
    ("AT", "EUR", 2, True),
    ("SE", "SEK", 2, True),
    ("GB", "GBP", 2, False),
    ("JP", "JPY", 0, False),
    ("KW", "KWD", 3, False),
)
GOODS = ("shirt", "mug", "hose", "lamp")
TAX_RATES = (0, 700, 1900, 2500)


@dataclass(frozen=True, slots=True)
class Order:
    """An order with the messages that tell of its captures."""

    merchant_id: str
    order_id: str
    behaviour: str
    takes_fees: bool
    captures: tuple[Body, ...]


def draw_orders(chance: random.Random, count: int) -> Iterator[Order]:
    """So many orders."""
    for number in range(count):
        merchant_id = chance.choice(MERCHANTS)
        behaviour = draw_behaviour(chance)
        market, currency, decimals, takes_fees = chance.choice(MARKETS)
        order_id = f"order-{number}-{behaviour}"
        captures = tuple(
            {
                "version": 1,
                "merchant_id": merchant_id,
                "order_id": order_id,
                "capture_id": f"{order_id}-{part}",
                "captured_at": f"2026-11-{part + 1:02d}T10:00:00Z",
                "market": market,
                "currency": currency,
                "provider": "sandbox",
                "provider_references": {"charge": f"charge-{number}-{part}"},
                **_content(chance, decimals),
            }
            for part in range(chance.choice((1, 1, 2, 3)))
        )
        yield Order(merchant_id, order_id, behaviour, takes_fees, captures)


def captured_minor(capture: Body) -> int:
    """What a capture's lines come to."""
    return sum(line["total_amount_minor"] for line in capture["lines"])


def _content(chance: random.Random, decimals: int) -> Body:
    lines = [_goods(chance, name, decimals) for name in chance.sample(GOODS, chance.randint(1, 3))]
    goods = sum(line["total_amount_minor"] for line in lines)
    if chance.random() < 0.4:
        lines.append(_fixed("shipping", "shipping_fee", chance.randint(1, 900), 1900))
    if chance.random() < 0.15 and goods > 100:
        lines.append(_fixed("coupon", "discount", -chance.randint(1, goods // 5), 1900))
    if chance.random() < 0.1:
        lines.append(_fixed("tax", "sales_tax", chance.randint(1, 500), 0))
    if chance.random() < 0.1 and goods > 100:
        lines.append(_fixed("card", "gift_card", -chance.randint(1, goods // 4), 0))
    captured = sum(line["total_amount_minor"] for line in lines)
    paid = chance.choices((captured, 0, chance.randint(0, captured)), (80, 10, 10))[0]
    return {"lines": lines, "customer_paid_minor": paid}


def _goods(chance: random.Random, name: str, decimals: int) -> Body:
    quantity = chance.randint(1, 7)
    price = chance.randint(20, 9_999)
    discount = chance.choice((0, 0, chance.randint(0, price // 2)))
    rate = chance.choice(TAX_RATES)
    total = quantity * price - discount
    return {
        "line_id": name,
        "type": chance.choice(("physical", "physical", "digital")),
        "reference": f"sku-{name}",
        "name": name,
        "quantity": quantity,
        "unit_price": _major(price, decimals),
        "total_amount_minor": total,
        "total_discount_minor": discount,
        "tax_rate": rate,
        "total_tax_minor": _tax(total, rate),
    }


def _fixed(name: str, kind: str, total: int, rate: int) -> Body:
    return {
        "line_id": name,
        "type": kind,
        "quantity": 1,
        "total_amount_minor": total,
        "tax_rate": rate,
        "total_tax_minor": _tax(total, rate),
    }


def _tax(total: int, rate: int) -> int:
    """The tax that an amount contains, rounded half up."""
    tax = (2 * abs(total) * rate + 10_000 + rate) // (2 * (10_000 + rate))
    return tax if total > 0 else -tax


def _major(minor: int, decimals: int) -> str:
    if not decimals:
        return str(minor)
    whole, part = divmod(minor, 10**decimals)
    return f"{whole}.{part:0{decimals}d}"
