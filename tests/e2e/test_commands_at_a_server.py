"""Commands for users, keys, schedules and the audit log, on the database and through a server with a key."""

import json
from collections.abc import Generator
from datetime import UTC, datetime

import httpx
import pytest

from lapinq_api.app import build_app
from lapinq_core.runtime.settings import Settings
from tests.support.database.postgres import private_database
from tests.support.database.running import on_connections
from tests.support.http.delivering import completed, outbox
from tests.support.http.serving import serving
from tests.support.programs.command_line import ME, lapinq_at, noted
from tests.support.rows.factories import Conn
from tests.support.rows.schedules import add_schedule

MASTER = "the key of the settings"
WHO = {"database": ME, "server": ("key", "LAPINQ_API_KEY")}


@pytest.fixture(scope="module")
def filled(postgres_url: str, template_database: str) -> Generator[str]:
    with private_database(postgres_url, template_database) as database:
        yield database


@pytest.fixture(scope="module")
def guarded(filled: str) -> Generator[httpx.Client]:
    """A server that wants a key."""
    with serving(build_app(Settings(database_url=filled, api_key=MASTER))) as client:
        yield client


@pytest.fixture(params=["database", "server"])
def place(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def where(place: str, filled: str, guarded: httpx.Client) -> tuple[str, ...]:
    if place == "database":
        return ("--database-url", filled)
    return ("--server", str(guarded.base_url), "--api-key", MASTER)


def said(where: tuple[str, ...], *arguments: str, stdin: str = "", code: int = 0) -> str:
    done = lapinq_at(where, *arguments, stdin=stdin)
    assert done.exit_code == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_users_are_managed(place: str, where: tuple[str, ...], filled: str) -> None:
    name = f"lisa of the {place}"
    assert said(where, "user", "add", name, "--password-stdin", stdin="correct horse") == f"created {name}\n"
    again = said(where, "user", "add", name.upper(), "--password-stdin", stdin="correct horse", code=1)
    assert again == f"Error: a user {name.upper()} exists already\n"
    assert said(where, "user", "role", name, "admin") == f"{name} is now an admin\n"
    assert said(where, "user", "role", name.upper(), "user") == f"{name.upper()} is now a user\n"
    permitted = said(where, "user", "permit", name, "a=b=cancel, requeue", "mail=pause")
    assert permitted == f"{name} may now: a=b: cancel, requeue; mail: pause\n"
    assert said(where, "user", "permit", name, "mail=") == f"{name} may now: a=b: cancel, requeue\n"
    as_json = json.loads(said(where, "user", "permit", name, "a=b=", "-j"))
    assert as_json["permissions"] == {}
    [found] = [one for one in json.loads(said(where, "user", "list", "--json")) if one["username"] == name]
    assert set(found) >= {"id", "role", "permissions", "has_default_password", "created_at"}
    assert f"{name}  user" in said(where, "user", "list")
    for arguments, code, message in (
        (("permit", name, "mail"), 2, "mail=cancel,requeue"),
        (("permit", name, "mail=fly"), 2, "queues.mail must be a list of"),
        (("permit", "nobody", "mail=pause"), 1, "there is no user nobody"),
        (("role", "nobody", "admin"), 1, "there is no user nobody"),
    ):
        assert message in said(where, "user", *arguments, code=code), arguments
    assert said(where, "user", "delete", name) == f"deleted {name}\n"
    orders = [entry[:3] for entry in noted(filled) if entry[3] == name]
    verbs = ("create", "role", "role", "permissions", "permissions", "permissions", "delete")
    assert orders == [(*WHO[place], f"user.{verb}") for verb in verbs]

    listed = json.loads(said(where, "audit", "list", "--target", name, "--action", "user.role", "--json"))
    assert [entry["details"]["role"] for entry in listed] == ["user", "admin"]
    line, more = said(where, "audit", "list", "--target", name, "--limit", "1").splitlines()
    kind, actor = WHO[place]
    assert f" UTC  {actor}  {kind}  user.delete  {name}  {{" in line
    assert more == "there are more; raise --limit to see them"
    assert json.loads(said(where, "audit", "list", "--target", name, "--since", "1h", "--json"))
    assert "--since" in said(where, "audit", "list", "--since", "yesterday", code=2)


def test_keys_are_managed(place: str, where: tuple[str, ...]) -> None:
    made = json.loads(said(where, "key", "create", place, "-s", "read", "-s", "enqueue", "--json"))
    assert made["scopes"] == ["enqueue", "read"]
    assert said(where, "key", "list").splitlines()[-1].startswith(f"{place}  …{made['hint']}  enqueue,read  ")
    assert said(where, "key", "delete", place) == f"deleted {place}\n"
    assert said(where, "key", "delete", place, code=1) == f"Error: no key {place}\n"


def test_schedules_are_managed(place: str, where: tuple[str, ...], filled: str) -> None:
    name = f"every day at the {place}"

    async def add(conn: Conn) -> None:
        await add_schedule(conn, name, every="1d")

    on_connections(filled, add)
    assert said(where, "schedule", "disable", name, "-r", "no paper") == f"disabled {name}\n"
    assert json.loads(said(where, "schedule", "list", "-n", name, "-j"))[0]["pause_reason"] == "no paper"
    paused, _, first = said(where, "schedule", "next", name, "--count", "1").splitlines()
    assert paused == "It is paused; without the pause:"
    assert said(where, "schedule", "enable", name).startswith(f"enabled {name}, next {first[:23]}")
    task = said(where, "schedule", "run", name).strip()
    shown = json.loads(said(where, "schedule", "show", name, "--json"))
    assert (shown["says"], shown["ticks"][0]["task_id"]) == ("Every day", task)
    assert datetime.fromisoformat(shown["next_fire_at"]) > datetime.now(UTC)
    assert said(where, "schedule", "delete", name, "-y") == f"deleted {name}\n"
    assert said(where, "schedule", "show", name, code=1) == f"Error: no schedule {name}\n"


def test_a_key_without_read_changes_what_it_may(filled: str, guarded: httpx.Client) -> None:
    async def add(conn: Conn) -> None:
        await add_schedule(conn, "unread", every="1d")

    on_connections(filled, add)
    server = ("--server", str(guarded.base_url), "--api-key")
    key = said((*server, MASTER), "key", "create", "blind", "-s", "schedule", "-s", "manage").strip()
    where = (*server, key)
    assert said(where, "schedule", "disable", "unread") == "disabled unread\n"
    assert said(where, "schedule", "enable", "unread") == "enabled unread\n"
    assert json.loads(said(where, "schedule", "enable", "unread", "--json"))["state"] == "active"

    completed(filled, "https://hooks.example/done", queue_name="unread")
    [hook] = outbox(filled)
    assert said(where, "webhook", "resend", str(hook["id"])) == f"resends {hook['id']}\n"
    assert "may not read" in said(where, "webhook", "resend", str(hook["id"])[:23], code=1)

    said(where, "limit", "set", "gpu", "--max-running", "1")
    asked = lapinq_at(where, "limit", "delete", "gpu", stdin="y\n")
    assert asked.stdout == "deleted the limit gpu\n", asked.stderr
    assert asked.stderr.startswith("Delete the limit gpu? Tasks that wait for it start without it. [y/N]")


def test_deleting_a_limit_says_how_many_tasks_wait_for_it(guarded: httpx.Client) -> None:
    where = ("--server", str(guarded.base_url), "--api-key", MASTER)
    said(where, "limit", "set", "tpu", "--max-running", "1")
    for told in ("No tasks wait", "1 task that waits for it starts", "2 tasks that wait for it start"):
        asked = said(where, "limit", "delete", "tpu", stdin="n\n", code=1)
        assert f"Delete the limit tpu? {told} " in asked
        said(where, "task", "enqueue", "tests.support.sample.tasks:noop", "--limit", "tpu=1")


def test_commands_of_the_database_alone_say_so(guarded: httpx.Client) -> None:
    for command in (("user", "password", "lapinq"), ("schedule", "apply", "jobs.toml")):
        refused = said(("--server", str(guarded.base_url)), *command, code=2)
        assert "works on the database, not through a server: give --database-url" in refused
