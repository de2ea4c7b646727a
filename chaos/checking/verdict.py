"""The verdict: what must be zero, and what else was counted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

from chaos.checking import amounts, books, ceilings, deciding, finishing, paying
from chaos.checking.findings import MUST_BE_ZERO, Findings
from chaos.checking.submitted import Submitted

EXAMPLES_MAX = 20


@dataclass(slots=True)
class Verdict:
    """Counts by name, with examples of what is wrong."""

    findings: Findings
    figures: dict[str, int] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.findings.count(name) for name in MUST_BE_ZERO)

    def lines(self) -> Iterator[str]:
        """The verdict in lines for people."""
        for name, figure in self.figures.items():
            yield f"{name:<28}{figure:>10,}"
        for name in MUST_BE_ZERO:
            count = self.findings.count(name)
            yield f"{name:<28}{count:>10,}{'   <-- must be 0' if count else ''}"
        for name, example in self.findings.examples(EXAMPLES_MAX):
            yield f"{name}: {example}"

    def as_json(self) -> dict[str, Any]:
        """The verdict for a file."""
        return {
            "clean": self.is_clean,
            "figures": self.figures,
            "must_be_zero": {name: self.findings.count(name) for name in MUST_BE_ZERO},
            "examples": [list(one) for one in self.findings.examples(EXAMPLES_MAX)],
        }


def check(connection: psycopg.Connection[Any], submitted: Submitted) -> Verdict:
    """Look at everything, as it is at one moment."""
    findings = Findings()
    verdict = Verdict(findings)
    # One snapshot: what somebody still writes must not look like a fault.
    if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    verdict.figures |= deciding.check(connection, submitted, findings)
    verdict.figures |= paying.check(connection, findings)
    ceilings.check(connection, submitted, findings)
    amounts.check(connection, findings)
    books.check(connection, findings)
    verdict.figures |= finishing.check(connection, findings)
    return verdict
