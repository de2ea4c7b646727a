"""Python runs this module at its start, if it finds it: the process's clock is then wrong.

Only `time.time` and its like are: what compares the clocks of two machines uses these.
"""

import os
import time

SKEW_SECONDS = float(os.environ.get("CHAOS_SKEW_SECONDS", "0"))
_time, _time_ns = time.time, time.time_ns


def _skewed() -> float:
    return _time() + SKEW_SECONDS


def _skewed_ns() -> int:
    return _time_ns() + int(SKEW_SECONDS * 1e9)


if SKEW_SECONDS:
    time.time, time.time_ns = _skewed, _skewed_ns
