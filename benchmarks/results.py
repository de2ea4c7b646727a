"""What a measurement gave."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """A measurement: `count` messages took `seconds`. Latencies are those at a moderate load.

    `others_cores` is how many cores were busy meanwhile with anything else (other programs, the
    kernel's own threads): the more there were, the less the rate is worth.
    """

    label: str
    count: int
    seconds: float
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    latency_load_per_second: float | None = None
    peak_memory_mb: float | None = None
    others_cores: float | None = None
    cpu_micros: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.count / self.seconds

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return {**asdict(self), "rate_per_second": round(self.rate, 1)}
