"""What is found to be wrong, by name."""

from collections import defaultdict
from collections.abc import Iterator

LOST = "lost"
ALTERED = "altered"
UNASKED = "unasked"
PAID_TWICE = "paid twice"
PAID_UNBOOKED = "paid and not booked"
BOOKED_UNPAID = "booked and not paid"
OVER_CAPTURED = "over captured"
WRONG_COUNTERS = "wrong counters"
UNBALANCED = "unbalanced"
WRONG_DEDUCTIONS = "wrong deductions"
CREDIT_GAPS = "credit records wrong"
UNFINISHED = "unfinished"

MUST_BE_ZERO = (
    LOST,
    ALTERED,
    UNASKED,
    PAID_TWICE,
    PAID_UNBOOKED,
    BOOKED_UNPAID,
    OVER_CAPTURED,
    WRONG_COUNTERS,
    UNBALANCED,
    WRONG_DEDUCTIONS,
    CREDIT_GAPS,
    UNFINISHED,
)


class Findings:
    """Faults by name, each with a sentence."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = defaultdict(list)

    def add(self, name: str, sentence: str) -> None:
        """Note a fault."""
        assert name in MUST_BE_ZERO, name
        self._found[name].append(sentence)

    def count(self, name: str) -> int:
        """How many faults of a name there are."""
        return len(self._found.get(name, ()))

    def examples(self, most: int) -> Iterator[tuple[str, str]]:
        """Some faults of each name."""
        for name in MUST_BE_ZERO:
            for sentence in self._found.get(name, [])[:most]:
                yield name, sentence
