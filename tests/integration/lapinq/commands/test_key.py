"""`lapinq key` on a real database, and what the command line notes of its changes."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import psycopg
import pytest

from lapinq_core.domain.accounts.api_key import digest_of, looks_like_key
from tests.integration.lapinq.commands.conftest import KEY
from tests.support.database.running import on_connections
from tests.support.http.delivering import completed, outbox
from tests.support.programs.command_line import ME, lapinq, lapinq_at, noted
from tests.support.rows.schedules import add_schedule

pytestmark = pytest.mark.http


@pytest.fixture
def database(emptied: str) -> str:
    return emptied


def test_a_key_is_made_listed_and_deleted_by_its_name(database: str) -> None:
    def said(*arguments: str, code: int = 0) -> str:
        done = lapinq(database, "key", *arguments)
        assert done.exit_code == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    key = said("create", "ci", "--scope", "read", "-s", "enqueue").strip()
    assert looks_like_key(key.encode())
    with psycopg.connect(database) as conn:
        row = conn.execute("SELECT key_hash, scopes, created_by, id::text FROM lapinq_api_keys").fetchone()
    assert row is not None
    assert row[:3] == (digest_of(key.encode()), ["enqueue", "read"], ME[1])
    again = said("create", "ci", "-s", "read", code=1)
    assert again == "Error: a key with this name exists already\n"

    listed = said("list")
    assert listed.split()[:3] == ["ci", f"…{key[-4:]}", "enqueue,read"]
    assert "never used" in listed
    as_json = json.loads(said("list", "--json"))
    assert [(one["name"], one["hint"]) for one in as_json] == [("ci", key[-4:])]
    assert key not in listed + str(as_json)

    assert said("delete", "ci") == "deleted ci\n"
    assert said("delete", "ci", code=1) == "Error: no key ci\n"
    assert said("list") == ""
    assert noted(database) == [
        (*ME, "key.create", row[3], {"name": "ci", "scopes": ["enqueue", "read"]}),
        (*ME, "key.delete", row[3], {"name": "ci"}),
    ]

    limits = ("-q", "mail", "--queue", "a b", "--expires", "90d")
    made = json.loads(said("create", "limited", "-s", "manage", *limits, "--json"))
    assert looks_like_key(made["key"].encode())
    assert (made["name"], made["scopes"], made["owner"]) == ("limited", ["manage"], None)
    assert made["queues"] == ["a b", "mail"]
    lasts = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert lasts == timedelta(days=90)
    assert "a b,mail" in said("list")


def test_a_key_without_read_changes_what_it_may(command_database: str, server_url: str) -> None:
    on_connections(command_database, partial(add_schedule, name="unread", every="1d"))
    server = ("--server", server_url, "--api-key")
    key = said((*server, KEY), "key", "create", "blind", "-s", "schedule", "-s", "manage").strip()
    where = (*server, key)
    completed(command_database, "https://hooks.example/done", queue_name="unread")
    [hook] = (str(one["id"]) for one in outbox(command_database))
    share = "--failure-share none --window 60 --least-attempts 20 --retry-after 30"
    for command, told in (
        ("schedule disable unread", "disabled unread"),
        ("schedule enable unread", "enabled unread"),
        (f"webhook resend {hook}", f"resends {hook}"),
        ("queue set unread --max-running 1", "set the policy of unread"),
        ("queue pause unread", "paused unread"),
        ("queue resume unread", "resumed unread"),
        ("breaker set send --create --failures-in-row 5 " + share, "send: closed"),
        ("breaker close send", "closed the circuit breaker of the task send"),
        ("limit set gpu --max-running 1 --rate none", "set the limit gpu"),
        ("limit open gpu", "gpu is open"),
    ):
        assert said(where, *command.split()) == f"{told}\n"
    assert json.loads(said(where, "schedule", "enable", "unread", "--json"))["state"] == "active"
    assert "give rate too, or a key that" in said(where, "limit", "set", "gpu", "--max-running", "2", code=1)
    unreadable = "may not read: this needs a key with the scope read"
    assert unreadable in said(where, "webhook", "resend", hook[:23], code=1)
    hint = "Error: there is no queue with this name: it has no tasks, and nobody paused or limited it\n"
    assert said(where, "queue", "resume", "unraed", code=1) == hint
    asked = lapinq_at(where, "limit", "delete", "gpu", stdin="y\n")
    assert asked.stdout == "deleted the limit gpu\n", asked.stderr
    assert asked.stderr.startswith("Delete the limit gpu? Tasks that wait for it start without it. [y/N]")


def said(where: Sequence[str], *arguments: str, code: int = 0) -> str:
    done = lapinq_at(where, *arguments)
    assert done.exit_code == code, done.stderr
    return done.stdout if code == 0 else done.stderr
