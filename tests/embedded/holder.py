"""A process that holds the servers: `python -m tests.embedded.holder DATA_DIR`.

It prints the URLs as one JSON line and holds on until its standard input ends; after the block it
prints "left". An error is printed as {"error": ...}.
"""

import contextlib
import dataclasses
import json
import sys
from pathlib import Path

from worker.embedded import EmbeddedServersError, embedded_servers


def main() -> None:
    """Hold the servers until standard input ends or a KeyboardInterrupt comes."""
    try:
        with contextlib.suppress(KeyboardInterrupt), embedded_servers(Path(sys.argv[1])) as urls:
            print(json.dumps(dataclasses.asdict(urls)), flush=True)
            sys.stdin.read()
    except EmbeddedServersError as error:
        print(json.dumps({"error": str(error)}), flush=True)
    print("left", flush=True)


if __name__ == "__main__":
    main()
