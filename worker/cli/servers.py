"""Servers and processes: where commands find PostgreSQL and Valkey, and what `up` keeps running."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from honcho.environ import parse_procfile
from honcho.manager import Manager

from worker import migrating
from worker.cli.output import JsonOption, console, errors, print_json
from worker.database import dispose_engines, engine
from worker.embedded import embedded_servers
from worker.errors import NotConfiguredError
from worker.settings import settings

PROCFILE = "Procfile"
FLOWER_PORT = 5555


@contextmanager
def ready_servers(data_dir: Path | None = None) -> Iterator[None]:
    """The configured servers, or embedded ones while the context lasts; migrated.

    Raises:
        NotConfiguredError: only one of DATABASE_URL and REDIS_URL is set.
    """
    configured = settings()
    if (configured.database_url is None) != (configured.redis_url is None):
        given = "DATABASE_URL" if configured.database_url else "REDIS_URL"
        other = "REDIS_URL" if configured.database_url else "DATABASE_URL"
        raise NotConfiguredError(
            f"{given} is set and {other} is not: set both, or neither to use embedded servers"
        )
    if configured.database_url is not None:
        migrating.migrate(engine())
        yield
        return
    with embedded_servers(data_dir or configured.data_dir) as urls:
        os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = urls.database_url, urls.redis_url
        settings.cache_clear()
        try:
            migrating.migrate(engine())
            yield
        finally:
            dispose_engines()
            del os.environ["DATABASE_URL"], os.environ["REDIS_URL"]
            settings.cache_clear()


def migrate(as_json: JsonOption = False) -> None:
    """Bring the database's schema up to date."""
    with ready_servers():
        revision = migrating.migrate(engine())
    if as_json:
        print_json({"revision": revision})
    else:
        console.print(f"The database is at revision {revision}.")


def up(
    procfile: Annotated[Path, typer.Option(help="What to run.")] = Path(PROCFILE),
    flower_port: Annotated[int, typer.Option(help="Flower's port on 127.0.0.1.")] = FLOWER_PORT,
) -> None:
    """Keep everything running: Valkey, PostgreSQL, worker, beat and Flower. Ctrl-C stops it."""
    if not procfile.is_file():
        raise NotConfiguredError(f"there is no {procfile} here; run this in the project's folder")
    processes = parse_procfile(procfile.read_text()).processes
    data_dir = settings().data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    with ready_servers():
        environment = {
            **os.environ,
            "FLOWER_PORT": str(flower_port),
            "REFUNDS_DATA_DIR": str(data_dir),
            # The project's own commands first, also when the environment is not activated.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONUNBUFFERED": "1",
        }
        manager = Manager()
        for name, command in processes.items():
            manager.add_process(name, command, env=environment)
        errors.print(f"DATABASE_URL={os.environ['DATABASE_URL']}", style="dim", highlight=False)
        errors.print(f"REDIS_URL={os.environ['REDIS_URL']}", style="dim", highlight=False)
        errors.print(f"Flower: http://127.0.0.1:{flower_port}  (Ctrl-C stops everything)")
        manager.loop()
        signal.signal(signal.SIGINT, signal.default_int_handler)
    raise typer.Exit(manager.returncode or 0)
