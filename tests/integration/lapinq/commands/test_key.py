"""`lapinq key` on a real database, and what the command line notes of its changes."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg
import pytest

from lapinq_core.domain.accounts.api_key import digest_of, looks_like_key
from lapinq_core.domain.tasks.state import Status
from tests.integration.lapinq.commands.conftest import KEY
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database.running import on_connections
from tests.support.http.delivering import completed, outbox
from tests.support.programs.command_line import ME, lapinq, lapinq_at, noted
from tests.support.rows.factories import Conn
from tests.support.rows.schedules import add_schedule

pytestmark = pytest.mark.http


@pytest.fixture
def database(emptied: str) -> str:
    return emptied


def test_a_key_is_made_listed_and_deleted_by_its_name(database: str) -> None:
    made = lapinq(database, "key", "create", "ci", "--scope", "read", "-s", "enqueue")
    assert (made.exit_code, made.stderr) == (0, "")
    key = made.stdout.strip()
    assert looks_like_key(key.encode())
    with psycopg.connect(database) as conn:
        row = conn.execute("SELECT key_hash, scopes, created_by, id::text FROM lapinq_api_keys").fetchone()
    assert row is not None
    assert row[:3] == (digest_of(key.encode()), ["enqueue", "read"], ME[1])

    again = lapinq(database, "key", "create", "ci", "-s", "read")
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr == "Error: a key with this name exists already\n"

    listed = lapinq(database, "key", "list")
    assert listed.stdout.split()[:3] == ["ci", f"…{key[-4:]}", "enqueue,read"]
    assert "never used" in listed.stdout
    as_json = json.loads(lapinq(database, "key", "list", "--json").stdout)
    assert [(one["name"], one["hint"]) for one in as_json] == [("ci", key[-4:])]
    assert key not in listed.stdout + str(as_json)

    assert lapinq(database, "key", "delete", "ci").stdout == "deleted ci\n"
    gone = lapinq(database, "key", "delete", "ci")
    assert (gone.exit_code, gone.stderr) == (1, "Error: no key ci\n")
    assert lapinq(database, "key", "list").stdout == ""
    assert noted(database) == [
        (*ME, "key.create", row[3], {"name": "ci", "scopes": ["enqueue", "read"]}),
        (*ME, "key.delete", row[3], {"name": "ci"}),
    ]


def test_a_new_key_can_be_had_as_json(database: str) -> None:
    limits = ("-q", "mail", "--queue", "a b", "--expires", "90d")
    made = json.loads(lapinq(database, "key", "create", "ci", "-s", "manage", *limits, "--json").stdout)
    assert (made["queues"], made["owner"]) == (["a b", "mail"], None)
    lasts = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert lasts == timedelta(days=90)
    assert "a b,mail" in lapinq(database, "key", "list").stdout
    assert looks_like_key(made["key"].encode())
    assert (made["name"], made["scopes"]) == ("ci", ["manage"])


def test_wrong_values_are_refused_before_anything_is_made(database: str) -> None:
    for arguments in (
        ("key", "create", "ci"),
        ("key", "create", "ci", "-s", "admin"),
        ("key", "create", "", "-s", "read"),
        ("key", "create", "a\nb", "-s", "read"),
        ("key", "create", "ci", "-s", "read", "--expires", "soon"),
        ("key", "create", "ci", "-s", "read", "--queue", ""),
    ):
        assert lapinq(database, *arguments).exit_code == 2
    assert noted(database) == []


def test_what_the_command_line_does_to_a_task_is_noted(database: str) -> None:
    made = on_connections(database, one_of_each)
    names = {"queue": "default", "task_name": "add"}
    assert lapinq(database, "task", "cancel", made[Status.PENDING]).exit_code == 0
    assert lapinq(database, "task", "cancel", made[Status.PENDING]).exit_code == 1
    assert lapinq(database, "task", "cancel", "--running", made[Status.RUNNING]).exit_code == 0
    assert lapinq(database, "task", "requeue", made[Status.FAILED]).exit_code == 0
    assert lapinq(database, "task", "requeue", made[Status.COMPLETED]).exit_code == 1
    assert noted(database) == [
        (*ME, "task.cancel", made[Status.PENDING], names),
        (*ME, "task.cancel_request", made[Status.RUNNING], names),
        (*ME, "task.requeue", made[Status.FAILED], names),
    ]


def test_a_key_without_read_changes_what_it_may(command_database: str, server_url: str) -> None:
    async def add(conn: Conn) -> None:
        await add_schedule(conn, "unread", every="1d")

    on_connections(command_database, add)
    server = ("--server", server_url, "--api-key")
    key = said((*server, KEY), "key", "create", "blind", "-s", "schedule", "-s", "manage").strip()
    where = (*server, key)
    assert said(where, "schedule", "disable", "unread") == "disabled unread\n"
    assert said(where, "schedule", "enable", "unread") == "enabled unread\n"
    assert json.loads(said(where, "schedule", "enable", "unread", "--json"))["state"] == "active"

    completed(command_database, "https://hooks.example/done", queue_name="unread")
    [hook] = outbox(command_database)
    assert said(where, "webhook", "resend", str(hook["id"])) == f"resends {hook['id']}\n"
    assert "may not read: this needs a key with the scope read" in said(
        where, "webhook", "resend", str(hook["id"])[:23], code=1
    )

    assert said(where, "queue", "set", "unread", "--max-running", "1") == "set the policy of unread\n"
    assert said(where, "queue", "pause", "unread") == "paused unread\n"
    assert said(where, "queue", "resume", "unread") == "resumed unread\n"
    hint = "Error: there is no queue with this name: it has no tasks, and nobody paused or limited it\n"
    assert said(where, "queue", "resume", "unraed", code=1) == hint

    rules = ("--failures-in-row", "5")
    assert said(where, "breaker", "set", "send", *rules) == "send: closed\n"
    assert said(where, "breaker", "close", "send") == "closed the circuit breaker of the task send\n"

    assert said(where, "limit", "set", "gpu", "--max-running", "1") == "set the limit gpu\n"
    assert said(where, "limit", "open", "gpu") == "gpu is open\n"
    asked = lapinq_at(where, "limit", "delete", "gpu", stdin="y\n")
    assert asked.stdout == "deleted the limit gpu\n", asked.stderr
    assert asked.stderr.startswith("Delete the limit gpu? Tasks that wait for it start without it. [y/N]")


def said(where: Sequence[str], *arguments: str, code: int = 0) -> str:
    done = lapinq_at(where, *arguments)
    assert done.exit_code == code, done.stderr
    return done.stdout if code == 0 else done.stderr
