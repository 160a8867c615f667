"""`lapinq queue`."""

import json
import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.integration.lapinq.commands.conftest import KEY
from tests.support.programs.command_line import lapinq_at, noted
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

pytestmark = pytest.mark.http


def test_queues_are_listed_shown_paused_and_resumed(
    command_database: str, at_server: tuple[str, ...]
) -> None:
    name = "mail/1?"
    paused = lapinq_at(at_server, "queue", "pause", name, "--reason", "the mail server moves")
    assert (paused.exit_code, paused.stdout) == (0, f"paused {name}\n"), paused.stderr
    enqueue_all(command_database, [new_task(queue_name=name)])
    shown = lapinq_at(at_server, "queue", "show", name)
    assert "pause_reason      the mail server moves" in shown.stdout.splitlines()
    listed = json.loads(lapinq_at(at_server, "queue", "list", "--json").stdout)
    assert name in {one["queue_name"] for one in listed}
    [line] = [
        line for line in lapinq_at(at_server, "queue", "list").stdout.splitlines() if line.startswith(name)
    ]
    assert re.search(r"  \d+ s  paused$", line)
    limited = lapinq_at(at_server, "queue", "set", name, "--max-running", "5")
    assert (limited.exit_code, limited.stdout) == (0, f"{name}: at most 5 running\n")
    assert 'policy            {"max_running":5,' in lapinq_at(at_server, "queue", "show", name).stdout
    more = ("--rate", "100/60/200", "--max-running-per-key", "1", "--order", "fair", "--weight", "gold=3")
    assert lapinq_at(at_server, "queue", "set", name, *more, "--max-running", "none").stdout == (
        f"{name}: at most 1 running of each key, 100 starts per 60 s, 200 at once, fair order, 1 weight\n"
    )
    broken = lapinq_at(at_server, "queue", "set", name, "--breaker", '{"failure_share": 0.5}')
    assert broken.stdout.endswith(", 1 weight, circuit breaker closed\n"), broken.stderr
    assert lapinq_at(at_server, "queue", "set", name, "--breaker", "5", "--json").exit_code == 0
    assert (
        lapinq_at(at_server, "queue", "close-breaker", name).stdout
        == f"closed the circuit breaker of {name}\n"
    )
    none = [
        word
        for flag in ("--rate", "--max-running-per-key", "--weight", "--breaker")
        for word in (flag, "none")
    ]
    free = lapinq_at(at_server, "queue", "set", name, *none, "--order", "priority", "--json")
    assert not any(
        json.loads(free.stdout)["policy"][rule] for rule in ("max_running", "rate", "weights", "breaker")
    )
    resumed = lapinq_at(at_server, "queue", "resume", name, "--json")
    assert json.loads(resumed.stdout)["paused_at"] is None
    who = ("key", "LAPINQ_API_KEY")
    assert [entry[:4] for entry in noted(command_database)[-7:]] == [
        (*who, "queue.pause", name),
        *[(*who, "queue.set", name)] * 5,
        (*who, "queue.resume", name),
    ]


def test_blocked_keys_are_listed_and_freed(command_database: str, at_server: tuple[str, ...]) -> None:
    name = "devices"
    lapinq_at(at_server, "queue", "pause", name)
    lapinq_at(at_server, "queue", "set", name, "--order", "strict_per_key")
    later = datetime.now(UTC) + timedelta(hours=1)
    [holder, head] = enqueue_all(
        command_database,
        [new_task(queue_name=name, key="a/1", scheduled_at=later), new_task(queue_name=name, key="a/1")],
    )
    with psycopg.connect(command_database, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO lapinq_keys (queue_name, key, holder, changed_at) VALUES (%s, 'a/1', %s, now())",
            (name, holder),
        )
    shown = lapinq_at(at_server, "queue", "keys", name)
    assert (shown.exit_code, shown.stderr) == (0, "")
    [line] = shown.stdout.splitlines()
    assert re.fullmatch(rf"a/1 +1 +0 +order +{later:%Y-%m-%d.%H:%M}.* {holder} +{head}", line), line
    [told] = json.loads(lapinq_at(at_server, "queue", "keys", name, "--state", "waiting", "--json").stdout)
    assert (told["key"], told["waiting"], told["holder"]["started_at"]) == ("a/1", 1, None)
    freed = lapinq_at(at_server, "queue", "skip", name, "a/1")
    assert (freed.exit_code, freed.stdout) == (0, f"a/1 no longer waits for {holder}\n")
    assert lapinq_at(at_server, "queue", "keys", name).stderr == "There are no such keys.\n"
    again = lapinq_at(at_server, "queue", "skip", name, "a/1")
    assert (again.exit_code, "no task that waits for a retry holds this key" in again.stderr) == (1, True)


def test_what_goes_wrong_ends_the_command_with_the_reason(
    at_server: tuple[str, ...], server_url: str, database: str
) -> None:
    failed = lapinq_at(at_server, "queue", "show", "nix")
    unknown = "Error: there is no queue with this name: it has no tasks, and nobody paused or limited it\n"
    assert (failed.exit_code, failed.stdout, failed.stderr) == (1, "", unknown)
    failed = lapinq_at(at_server, "queue", "pause", "elsewhere", "--reason", "x" * 1001)
    assert (failed.exit_code, failed.stderr) == (2, "Error: reason must have at most 1000 characters\n")
    failed = lapinq_at(("--server", server_url), "queue", "list")
    assert failed.exit_code == 1
    assert failed.stderr.endswith("give --api-key or set LAPINQ_API_KEY\n")
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    failed = lapinq_at(("--database-url", database), "queue", "list")
    assert failed.exit_code == 1
    assert "run `lapinq migrate`" in failed.stderr


def test_the_variable_of_the_client_names_the_server_unless_a_database_is_named(
    server_url: str, database: str
) -> None:
    env = {"LAPINQ_URL": server_url, "LAPINQ_API_KEY": KEY, "DATABASE_URL": None}
    assert lapinq_at((), "queue", "pause", "of the server", env=env).exit_code == 0
    found = json.loads(lapinq_at((), "queue", "list", "-j", env=env).stdout)
    assert "of the server" in {one["queue_name"] for one in found}
    assert lapinq_at(("--database-url", database), "queue", "list", "-j", env=env).stdout == "[]\n"


def test_a_queue_is_purged(command_database: str, at_server: tuple[str, ...]) -> None:
    name, other = "full", "other"
    later = datetime.now(UTC) + timedelta(hours=1)
    enqueue_all(
        command_database, [*(new_task(queue_name=name) for _ in range(3)), new_task(queue_name=other)]
    )
    enqueue_all(command_database, [new_task(queue_name=name, scheduled_at=later)])

    def purge(*flags: str, answer: str = "") -> tuple[int, str, str]:
        done = lapinq_at(at_server, "queue", "purge", name, *flags, stdin=answer)
        return done.exit_code, done.stdout, done.stderr

    assert purge("--dry-run") == (0, f"would delete 4 pending tasks of {name}\n", "")
    assert json.loads(purge("--dry-run", "-j")[1])["matching"] == 4
    question = f"Delete 4 pending tasks of {name}? [y/N]: "
    for answer in ("n\n", ""):
        code, out, said = purge(answer=answer)
        assert (code, out) == (1, "")
        assert said.startswith(question)
    assert purge("--status", "failed") == (0, f"deleted 0 failed tasks of {name}\n", "")
    assert purge("--status", "running", "-y")[0] == 2
    assert purge("--status", "failed", "--all")[0] == 2
    assert purge(answer="y\n") == (0, f"deleted 4 pending tasks of {name}\n", f"{question}y\n")
    assert json.loads(purge("--all", "-y", "-j")[1]) == {"deleted": 0, "skipped_running": 0}
    counts = {
        one["queue_name"]: one["pending"]
        for one in json.loads(lapinq_at(at_server, "queue", "list", "-j").stdout)
    }
    assert (name in counts, counts[other]) == (False, 1)
    assert noted(command_database)[-1][2:4] == ("task.delete_many", name)
