"""`python -m chaos.checking URL FILE`: check a run's database again."""

import argparse
import sys
from pathlib import Path

import psycopg

from chaos.checking.submitted import read_submitted
from chaos.checking.verdict import check


def main() -> int:
    """Print the verdict; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m chaos.checking", description=__doc__)
    parser.add_argument("database_url")
    parser.add_argument("submitted", type=Path, help="the list of what was submitted")
    given = parser.parse_args()
    with psycopg.connect(given.database_url) as connection:
        verdict = check(connection, read_submitted(given.submitted))
    for line in verdict.lines():
        print(line)
    return 0 if verdict.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
