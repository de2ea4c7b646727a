"""An order under refunds of all kinds: what is kept of it, what has settled, what was released."""

from collections import Counter
from dataclasses import dataclass, field, replace
from uuid import UUID

from models.values.orders import Acceptance, CaptureShare, OrderBook, RefundAsk
from models.values.refusals import Refusal
from tests.rules.checking import check_book, decided
from tests.rules.drawing import CALM, released, settled


@dataclass(frozen=True)
class Live:
    """A share of a refund that stands. Once its kept fee is a line, it is not released."""

    refund_id: UUID
    share: CaptureShare

    @property
    def fee_minor(self) -> int:
        """What it keeps."""
        return self.share.fee.amount_minor if self.share.fee else 0

    @property
    def gross_minor(self) -> int:
        """What its lines come to."""
        return self.share.amount_minor + self.fee_minor


@dataclass
class LivingOrder:
    """An order with its book as it is now."""

    book: OrderBook
    live: list[Live] = field(default_factory=list)
    settled: list[Live] = field(default_factory=list)
    requests: int = 0

    def request(self, ask: RefundAsk) -> Acceptance | None:
        """Decide a request under a key of its own, and take what it is given."""
        self.requests += 1
        ask = replace(ask, idempotency_key=f"request {self.requests}")
        verdict = decided(ask, self.book, CALM)
        if isinstance(verdict, Refusal):
            return None
        self.book = self.book.with_taken(verdict.shares)
        self.live += [Live(verdict.refund_id, share) for share in verdict.shares]
        return verdict

    def settle(self, which: int) -> None:
        """A share has settled: a fee that it kept is a line of its capture."""
        one = self.live.pop(which % len(self.live))
        self.settled.append(one)
        self.book = settled(self.book, one.refund_id, [one.share])

    def release(self, which: int) -> None:
        """A provider declines a share. Of one that is worth nothing no provider hears."""
        one = self.live[which % len(self.live)]
        if one.gross_minor:
            self.live.remove(one)
            self.book = released(self.book, one.share)

    def check(self) -> None:
        """The book is the sum of what stands, and within what was captured and paid."""
        kept: Counter[int] = Counter()
        pending: Counter[int] = Counter()
        cash: Counter[int] = Counter()
        for one in [*self.live, *self.settled]:
            kept[one.share.capture_pk] += one.fee_minor
            cash[one.share.capture_pk] += one.share.cash_minor
        for one in self.live:
            pending[one.share.capture_pk] += one.fee_minor
        assert {capture.pk: capture.cash_minor for capture in self.book.captures} == {
            capture.pk: cash[capture.pk] for capture in self.book.captures
        }
        check_book(self.book, kept, pending)
