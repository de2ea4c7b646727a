"""What the workers' logs tell of: redeliveries, and faults that nobody else would see."""

import re
from collections import Counter
from pathlib import Path

_MESSAGES = re.compile(
    r"(queue\.(?:taken_over|put_back|process_lost|batch_failed)).*?messages=(\d+)"
)
_EVENT = re.compile(
    r"(?:error|critical|warning)\s*\] "
    r"([a-z]+\.[a-z_]+|Unrecoverable error|Task .{0,60}? raised)"
)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def read_logs(folder: Path) -> dict[str, int]:
    """Counts of what was logged as a warning or an error, and of messages that came again."""
    counts: Counter[str] = Counter()
    for path in sorted(folder.glob("*.log")):
        with path.open(encoding="utf-8", errors="replace") as lines:
            for raw in lines:
                line = _COLOURS.sub("", raw)
                if found := _MESSAGES.search(line):
                    counts[f"messages in {found[1]}"] += int(found[2])
                if event := _EVENT.search(line):
                    # Not the task's id.
                    counts[event[1].split("[", 1)[0]] += 1
                elif line.startswith("Traceback"):
                    counts["tracebacks"] += 1
    return dict(sorted(counts.items()))
