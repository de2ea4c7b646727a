"""How the provider behaves, by the ends of order ids: each behaviour hits a share of the orders."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A share of all orders (in thousandths), and the sandbox's rule for them.

    `lasting` ones never come to an end by themselves: a person or the provider's news ends them.
    """

    share: int
    rule: Mapping[str, Any] = field(default_factory=dict)
    lasting: bool = False


PLAIN = "plain"
HANGING, BOUNCED = "hanging", "bounced"

BEHAVIOURS = {
    PLAIN: Behaviour(320),
    # As long as a real provider takes: kills meet calls that are under way.
    "usual": Behaviour(400, {"slow_seconds": 0.25}),
    "slow": Behaviour(40, {"slow_seconds": 1.5}),
    "deaf": Behaviour(50, {"calls": ["timeout_before", "settle"]}),
    "mute": Behaviour(50, {"calls": ["timeout_after", "settle"]}),
    "flaky": Behaviour(30, {"calls": ["not_sent", "timeout_before", "timeout_after", "settle"]}),
    "no": Behaviour(20, {"calls": ["decline"], "code": "card_closed"}),
    "later": Behaviour(40, {"calls": ["pending"]}),
    BOUNCED: Behaviour(20, {"calls": ["pending"], "asked": "decline", "code": "bounced"}),
    HANGING: Behaviour(10, {"calls": ["pending"], "asked": "pending"}, lasting=True),
    "silent": Behaviour(8, {"calls": ["timeout_after"]}, lasting=True),
    "dead": Behaviour(6, {"calls": ["timeout_before"]}, lasting=True),
    "shut": Behaviour(6, {"calls": ["not_sent"]}, lasting=True),
}


def draw_behaviour(chance: random.Random) -> str:
    """The name of a behaviour, as often as its share says."""
    shares = [one.share for one in BEHAVIOURS.values()]
    return chance.choices(list(BEHAVIOURS), shares)[0]


def behaviour_of(order_id: str) -> str:
    """The behaviour that an order's id ends with."""
    return order_id.rpartition("-")[2]


def write_script(path: Path) -> None:
    """Write the sandbox's script."""
    rules = [{"order_id": f".*-{name}", **one.rule} for name, one in BEHAVIOURS.items() if one.rule]
    path.write_text(json.dumps(rules, indent=1))
