"""The connection to PostgreSQL: one engine a process, transactions, and retries of them."""

import os
import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from worker.errors import DatabaseUnavailableError, NotConfiguredError, RaceLostError
from worker.settings import settings

T = TypeVar("T")

POOL_SIZE = 5
CONNECT_TIMEOUT_SECONDS = 10
TRIES_MAX = 6

# jit: compiling costs more than our short statements take.
# force_custom_plan: a plan made while the tables were empty ran ten times slower once they filled.
SESSION_OPTIONS = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "plan_cache_mode": "force_custom_plan",
        "jit": "off",
        "synchronous_commit": "on",
        "statement_timeout": "30s",
        "lock_timeout": "15s",
        "idle_in_transaction_session_timeout": "60s",
        "timezone": "UTC",
    }.items()
)

# Classes and codes (PostgreSQL, appendix A) after which the same transaction may succeed: lost
# connections, rollbacks (deadlock, serialization), lock not available, insufficient resources,
# operator intervention (time-out, shutdown, crash), system errors, a standby before its promotion.
_TRANSIENT_SQLSTATES = ("08", "40", "55P03", "53", "57", "58", "25006")

_engines: dict[tuple[int, str], Engine] = {}


def database_url() -> str:
    """The configured URL, for SQLAlchemy with psycopg.

    Raises:
        NotConfiguredError: DATABASE_URL is not set.
    """
    configured = settings().database_url
    if configured is None:
        raise NotConfiguredError("DATABASE_URL is not set")
    return sqlalchemy_url(configured.get_secret_value())


def sqlalchemy_url(url: str) -> str:
    """The same database, named for SQLAlchemy's psycopg driver."""
    parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def engine(url: str | None = None, *, purpose: str = "engine") -> Engine:
    """The engine of this process and purpose.

    It is made anew after a fork: a connection shared by two processes mixes up their answers.
    """
    key = (os.getpid(), f"{purpose} {url or ''}")
    if key not in _engines:
        _engines[key] = create_engine(
            sqlalchemy_url(url) if url else database_url(),
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "options": SESSION_OPTIONS,
                "application_name": f"refund-worker {purpose}",
            },
        )
    return _engines[key]


def transact(work: Callable[[Connection], T], *, on: Engine | None = None) -> T:
    """Run `work` in one transaction and commit it; run it again whole where that is safe.

    `work` must touch nothing but the database (no provider call), since it may run several times.
    After a lost connection it runs again too: an unseen commit is recognised by its unique keys.

    Raises:
        DatabaseUnavailableError: the database stayed away.
    """
    for attempt in range(TRIES_MAX):
        try:
            with (on or engine()).begin() as connection:
                return work(connection)
        except RaceLostError:
            if attempt == TRIES_MAX - 1:
                raise
        except DBAPIError as error:
            if not is_transient(error):
                raise
            if attempt == TRIES_MAX - 1:
                raise DatabaseUnavailableError(str(error.orig).strip()) from error
        # Full jitter, so that rivals for the same rows do not meet again.
        time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter is no secret
    raise AssertionError("unreachable")


def is_transient(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed when run again."""
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate is None:
        return error.connection_invalidated or isinstance(error, OperationalError)
    return str(sqlstate).startswith(_TRANSIENT_SQLSTATES)


def constraint_of(error: DBAPIError) -> str | None:
    """The name of the constraint that refused, if one did."""
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "constraint_name", None)


def explain(error: Exception) -> str | None:
    """A sentence for people on why the database cannot be used; None for any other error."""
    if isinstance(error, DBAPIError) and is_transient(error):
        return f"the database cannot be reached: {str(error.orig).strip().splitlines()[0]}"
    return None


def dispose_engines() -> None:
    """Close the connections of this process (not those inherited from its parent)."""
    for (pid, _), one in list(_engines.items()):
        one.dispose(close=pid == os.getpid())
    _engines.clear()
