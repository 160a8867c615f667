"""`lapinq queue`, on the database and through a server."""

import json

import psycopg
import pytest

from tests.support.programs.command_line import ME, lapinq_at, noted
from tests.support.programs.processes import ApiProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task


@pytest.mark.parametrize("place", ["database", "server"])
def test_queues_are_listed_shown_paused_and_resumed(server: ApiProcess, place: str) -> None:
    where = ("--database-url", server.database) if place == "database" else ("--server", server.url)
    name = f"{place} mail/1?"
    enqueue_all(server.database, [new_task(queue_name=name)])
    paused = lapinq_at(where, "queue", "pause", name, "--reason", "the mail server moves")
    assert (paused.exit_code, paused.stdout) == (0, f"paused {name}\n"), paused.stderr
    shown = lapinq_at(where, "queue", "show", name)
    assert "pause_reason      the mail server moves" in shown.stdout.splitlines()
    listed = json.loads(lapinq_at(where, "queue", "list", "--json").stdout)
    assert name in {one["queue_name"] for one in listed}
    assert any(line.startswith(name) for line in lapinq_at(where, "queue", "list").stdout.splitlines())
    resumed = lapinq_at(where, "queue", "resume", name, "--json")
    assert json.loads(resumed.stdout)["paused_at"] is None
    who = ME if place == "database" else ("anonymous", "anonymous")
    assert [entry[:4] for entry in noted(server.database)[-2:]] == [
        (*who, "queue.pause", name),
        (*who, "queue.resume", name),
    ]


def test_what_goes_wrong_ends_the_command_with_the_reason(server: ApiProcess, database: str) -> None:
    unknown = "Error: there is no queue with this name: it has no tasks and was never paused\n"
    for where in (("--database-url", server.database), ("--server", server.url)):
        failed = lapinq_at(where, "queue", "show", "nix")
        assert (failed.exit_code, failed.stdout, failed.stderr) == (1, "", unknown)
    failed = lapinq_at(("--server", server.url), "queue", "pause", "mail", "--reason", "x" * 1001)
    assert (failed.exit_code, failed.stderr) == (2, "Error: reason must have at most 1000 characters\n")
    for where, code, message in (
        (("--server", "http://127.0.0.1:1"), 1, "no answer from http://127.0.0.1:1"),
        (("--server", "127.0.0.1:8001"), 2, "--server: must begin with http:// or https://"),
        (("--server", server.url, "--database-url", server.database), 2, "not both"),
        (("--database-url", "postgresql://127.0.0.1:1/x"), 1, "Connection refused"),
    ):
        failed = lapinq_at(where, "queue", "list")
        assert (failed.exit_code, failed.stdout) == (code, ""), (where, failed.stderr)
        assert message in failed.stderr, where
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    failed = lapinq_at(("--database-url", database), "queue", "list")
    assert failed.exit_code == 1
    assert "run `lapinq migrate`" in failed.stderr


def test_a_server_with_a_key_wants_it(database: str) -> None:
    with ApiProcess(database, "--api-key", "s3cret-of-the-server") as api:
        refused = lapinq_at(("--server", api.url), "queue", "list")
        assert refused.exit_code == 1
        assert refused.stderr.endswith("give --api-key or set LAPINQ_API_KEY\n")
        found = lapinq_at(("--server", api.url, "--api-key", "s3cret-of-the-server"), "queue", "list", "-j")
        assert (found.exit_code, found.stdout) == (0, "[]\n")
        # The variable that the client reads names the server too, unless a database is named.
        env = {"LAPINQ_URL": api.url, "LAPINQ_API_KEY": "s3cret-of-the-server", "DATABASE_URL": ""}
        assert lapinq_at((), "queue", "list", "-j", env=env).stdout == "[]\n"
