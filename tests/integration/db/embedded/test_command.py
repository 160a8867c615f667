"""`lapinq db`, run as people run it."""

import json
from pathlib import Path

import psycopg
import pytest
from click.testing import Result

from lapinq_core.db.embedded import EmbeddedDatabase
from lapinq_core.db.migrate import migrate
from lapinq_core.doctor.examination import CHECKS
from tests.support.programs.command_line import lapinq_at
from tests.support.programs.embedded import Holder, is_alive, lapinq_db_process, server_pid


def lapinq_db(data_dir: Path, command: str, *arguments: str) -> Result:
    """Runs `lapinq db COMMAND --data-dir … ARGUMENTS` in this process."""
    return lapinq_at((), "db", command, "--data-dir", str(data_dir), *arguments)


def test_start_leaves_a_server_running_and_stop_stops_it(used_dir: Path) -> None:
    started = lapinq_db_process(used_dir, "start")
    assert started.returncode == 0, started.stderr
    assert "for development" in started.stderr
    shown = lapinq_db(used_dir, "url")
    assert (shown.exit_code, shown.stdout) == (0, started.stdout)
    pid = server_pid(used_dir)
    status = lapinq_db(used_dir, "status")
    assert status.exit_code == 0
    for fact in (
        "running until",
        "PostgreSQL",
        str(used_dir),
        str(pid),
        started.stdout.strip(),
        "users    0",
        "MiB",
    ):
        assert fact in status.stdout
    stopped = lapinq_db(used_dir, "stop")
    assert (stopped.exit_code, stopped.stdout) == (0, "Stopped.\n")
    assert not is_alive(pid)


def test_what_isnt_running_has_no_url_and_exit_code_1(data_dir: Path) -> None:
    shown = lapinq_db(data_dir, "url")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "isn't running" in shown.stderr
    status = lapinq_db(data_dir, "status")
    assert status.exit_code == 1
    assert "stopped" in status.stdout
    assert json.loads(lapinq_db(data_dir, "status", "--json").stdout)["state"] == "stopped"
    assert lapinq_db(data_dir, "stop").stdout == "It wasn't running.\n"
    assert json.loads(lapinq_db(data_dir, "stop", "--json").stdout) == {"stopped": False}
    assert not data_dir.exists()


def test_stop_names_the_users_and_needs_force(used_dir: Path) -> None:
    with Holder(used_dir) as holder:
        holder.url()
        pid = server_pid(used_dir)
        refused = lapinq_db(used_dir, "stop")
        assert refused.exit_code == 1
        assert f"1 process: {holder.process.pid} (" in refused.stderr
        assert "--force" in refused.stderr
        assert lapinq_db(used_dir, "stop", "--force").exit_code == 0
        assert not is_alive(pid)
        assert EmbeddedDatabase(used_dir).status().state == "stopped"
        holder.leave()


def test_stop_names_the_connections_of_other_programs_and_needs_force(used_dir: Path) -> None:
    url = EmbeddedDatabase(used_dir).start()
    with psycopg.connect(url, application_name="shop", autocommit=True) as conn:
        refused = lapinq_db(used_dir, "stop")
        assert refused.exit_code == 1
        assert f"1 connection: shop (backend {conn.info.backend_pid})" in refused.stderr
        assert "--force" in refused.stderr
        assert conn.execute("SELECT 1").fetchone() == (1,)
        assert lapinq_db(used_dir, "stop", "--force").exit_code == 0
    EmbeddedDatabase(used_dir).start()
    psycopg.connect(url).close()
    assert lapinq_db(used_dir, "stop").exit_code == 0


def test_psql_runs_on_a_server_that_is_up_meanwhile(
    used_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    query = ("-c", "SELECT current_database()")
    for arguments, code, said in (
        (("-AtX", *query), 0, "lapinq\n"),
        (("-X", "-v", "ON_ERROR_STOP=1", "-c", "SELECT 1/0"), 1, ""),
        (("-AtX", "postgres", *query), 0, "postgres\n"),
    ):
        assert lapinq_db(used_dir, "psql", *arguments).exit_code == code
        assert capfd.readouterr().out == said
        assert EmbeddedDatabase(used_dir).status().state == "stopped"


def test_the_doctor_examines_a_server_that_runs_and_starts_none(used_dir: Path) -> None:
    place = ("--data-dir", str(used_dir))
    done = lapinq_at(place, "doctor")
    assert done.exit_code == 1
    assert "no database is named, and the embedded one is not running" in done.stdout
    with EmbeddedDatabase(used_dir).use() as url:
        done = lapinq_at(place, "doctor")
        assert done.exit_code == 1
        assert "lapinq is not installed in this database" in done.stdout
        migrate(url)
        done = lapinq_at(place, "doctor")
        assert (done.exit_code, done.stderr) == (0, ""), done.stdout
        assert done.stdout.splitlines()[-1] == f"3 infos; {len(CHECKS) - 3} checks are fine"


def test_without_programs_the_exit_code_is_3(place: Path, data_dir: Path) -> None:
    for command in ("start", "psql"):
        refused = lapinq_db(data_dir, command, "--pg-bin", str(place))
        assert refused.exit_code == 3
        assert "lapinq[embedded]" in refused.stderr


def test_other_troubles_have_exit_code_1(data_dir: Path) -> None:
    data_dir.write_text("no directory")
    refused = lapinq_db(data_dir, "start")
    assert refused.exit_code == 1
    assert str(data_dir) in refused.stderr
    assert "Traceback" not in refused.stderr
