"""Time that only goes forward, also while the machine sleeps."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed_seconds() -> float:
    """Seconds since some moment. For how long something took, never for what time it is.

    A suspended machine wakes with its leases ended: CLOCK_MONOTONIC would not have noticed.
    """
    return time.clock_gettime(_CLOCK)
