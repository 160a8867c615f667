"""`lapinq queue`, on the database and through a server."""

import json
import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.support.programs.command_line import ME, lapinq, lapinq_at, noted
from tests.support.programs.processes import ApiProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task


@pytest.mark.parametrize("place", ["database", "server"])
def test_queues_are_listed_shown_paused_and_resumed(server: ApiProcess, place: str) -> None:
    where = ("--database-url", server.database) if place == "database" else ("--server", server.url)
    name = f"{place} mail/1?"
    paused = lapinq_at(where, "queue", "pause", name, "--reason", "the mail server moves")
    assert (paused.exit_code, paused.stdout) == (0, f"paused {name}\n"), paused.stderr
    enqueue_all(server.database, [new_task(queue_name=name)])  # which the server's own worker leaves
    shown = lapinq_at(where, "queue", "show", name)
    assert "pause_reason      the mail server moves" in shown.stdout.splitlines()
    listed = json.loads(lapinq_at(where, "queue", "list", "--json").stdout)
    assert name in {one["queue_name"] for one in listed}
    [line] = [line for line in lapinq_at(where, "queue", "list").stdout.splitlines() if line.startswith(name)]
    assert re.search(r"  \d+ s  paused$", line)
    limited = lapinq_at(where, "queue", "set", name, "--max-running", "5")
    assert (limited.exit_code, limited.stdout) == (0, f"{name}: at most 5 running\n")
    assert 'policy            {"max_running":5,' in lapinq_at(where, "queue", "show", name).stdout
    more = ("--rate", "100/60/200", "--max-running-per-key", "1", "--order", "fair", "--weight", "gold=3")
    assert lapinq_at(where, "queue", "set", name, *more, "--max-running", "none").stdout == (
        f"{name}: at most 1 running of each key, 100 starts per 60 s, 200 at once, fair order, 1 weight\n"
    )
    broken = lapinq_at(where, "queue", "set", name, "--breaker", '{"failure_share": 0.5}')
    assert broken.stdout.endswith(", 1 weight, circuit breaker closed\n"), broken.stderr
    assert lapinq_at(where, "queue", "set", name, "--breaker", "5", "--json").exit_code == 0
    assert (
        lapinq_at(where, "queue", "close-breaker", name).stdout == f"closed the circuit breaker of {name}\n"
    )
    none = [
        word
        for flag in ("--rate", "--max-running-per-key", "--weight", "--breaker")
        for word in (flag, "none")
    ]
    free = lapinq_at(where, "queue", "set", name, *none, "--order", "priority", "--json")
    assert not any(
        json.loads(free.stdout)["policy"][rule] for rule in ("max_running", "rate", "weights", "breaker")
    )
    resumed = lapinq_at(where, "queue", "resume", name, "--json")
    assert json.loads(resumed.stdout)["paused_at"] is None
    who = ME if place == "database" else ("anonymous", "anonymous")
    assert [entry[:4] for entry in noted(server.database)[-7:]] == [
        (*who, "queue.pause", name),
        *[(*who, "queue.set", name)] * 5,
        (*who, "queue.resume", name),
    ]


@pytest.mark.parametrize("place", ["database", "server"])
def test_blocked_keys_are_listed_and_freed(server: ApiProcess, place: str) -> None:
    where = ("--database-url", server.database) if place == "database" else ("--server", server.url)
    name = f"{place} devices"
    lapinq_at(where, "queue", "pause", name)
    lapinq_at(where, "queue", "set", name, "--order", "strict_per_key")
    later = datetime.now(UTC) + timedelta(hours=1)
    [holder, head] = enqueue_all(
        server.database,
        [new_task(queue_name=name, key="a/1", scheduled_at=later), new_task(queue_name=name, key="a/1")],
    )
    with psycopg.connect(server.database, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO lapinq_keys (queue_name, key, holder, changed_at) VALUES (%s, 'a/1', %s, now())",
            (name, holder),
        )
    shown = lapinq_at(where, "queue", "keys", name)
    assert (shown.exit_code, shown.stderr) == (0, "")
    [line] = shown.stdout.splitlines()
    assert re.fullmatch(rf"a/1 +1 +0 +order +{later:%Y-%m-%d.%H:%M}.* {holder} +{head}", line), line
    [told] = json.loads(lapinq_at(where, "queue", "keys", name, "--state", "waiting", "--json").stdout)
    assert (told["key"], told["waiting"], told["holder"]["started_at"]) == ("a/1", 1, None)
    freed = lapinq_at(where, "queue", "skip", name, "a/1")
    assert (freed.exit_code, freed.stdout) == (0, f"a/1 no longer waits for {holder}\n")
    assert lapinq_at(where, "queue", "keys", name).stderr == "There are no such keys.\n"
    again = lapinq_at(where, "queue", "skip", name, "a/1")
    assert (again.exit_code, "no task that waits for a retry holds this key" in again.stderr) == (1, True)


def test_what_goes_wrong_ends_the_command_with_the_reason(server: ApiProcess, database: str) -> None:
    unknown = "Error: there is no queue with this name: it has no tasks, and nobody paused or limited it\n"
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
        env = {"LAPINQ_URL": api.url, "LAPINQ_API_KEY": "s3cret-of-the-server", "DATABASE_URL": None}
        assert lapinq_at((), "queue", "list", "-j", env=env).stdout == "[]\n"


@pytest.mark.parametrize("place", ["database", "server"])
def test_a_queue_is_purged(server: ApiProcess, place: str) -> None:
    where = ("--database-url", server.database)
    if place == "server":  # which wants a key for it, though it is open
        assert "give --api-key" in lapinq_at(("--server", server.url), "queue", "purge", "x", "-y").stderr
        key = lapinq_at(where, "key", "create", "purging", "-s", "manage").stdout.strip()
        where = ("--server", server.url, "--api-key", key)
    name, other = f"{place} full", f"{place} other"
    later = datetime.now(UTC) + timedelta(hours=1)
    # The worker of the server must not take them.
    lapinq_at(where, "queue", "pause", name)
    enqueue_all(server.database, [*(new_task(queue_name=name) for _ in range(3)), new_task(queue_name=other)])
    enqueue_all(server.database, [new_task(queue_name=name, scheduled_at=later)])

    def purge(*flags: str, answer: str = "") -> tuple[int, str, str]:
        done = lapinq_at(where, "queue", "purge", name, *flags, stdin=answer)
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
        for one in json.loads(lapinq(server.database, "queue", "list", "-j").stdout)
    }
    assert counts[name] == 0
    assert noted(server.database)[-1][2:4] == ("task.delete_many", name)
