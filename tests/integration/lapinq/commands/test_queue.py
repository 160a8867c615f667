"""`lapinq queue`."""

import json
import re
import shlex
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.integration.lapinq.commands.conftest import KEY
from tests.support.programs.command_line import lapinq_at, noted
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

pytestmark = pytest.mark.http


def test_queues_are_listed_shown_paused_and_limited(
    command_database: str, at_server: tuple[str, ...]
) -> None:
    name = "mail/1?"

    def said(verb: str, flags: str = "") -> str:
        done = lapinq_at(at_server, "queue", verb, name, *shlex.split(flags))
        assert done.exit_code == 0, done.stderr
        return done.stdout

    assert said("pause", "--create --reason 'the mail server moves'") == f"paused {name}\n"
    enqueue_all(command_database, [new_task(queue_name=name)])
    assert "pause_reason      the mail server moves" in said("show").splitlines()
    lines = lapinq_at(at_server, "queue", "list").stdout.splitlines()
    [line] = [line for line in lines if line.startswith(name)]
    assert re.search(r"  \d+ s  paused$", line)
    assert said("set", "--max-running 5") == f"{name}: at most 5 running\n"
    assert "policy            at most 5 running" in said("show").splitlines()
    more = "--rate 100/60/200 --max-running-per-key 1 --order fair --weight gold=3 --max-running none"
    rules = "at most 1 running of each key, 100/m/200 starts, fair order, 1 weight"
    assert said("set", more) == f"{name}: {rules}\n"
    broken = said("set", "--breaker '{\"failure_share\": 0.5}'")
    assert broken == f"{name}: {rules}, circuit breaker: 50% of 20 or more within 60 s\n"
    assert json.loads(said("set", "--breaker 5 --json"))["policy"]["breaker"]
    assert said("close-breaker") == f"closed the circuit breaker of {name}\n"
    none = "--rate none --max-running-per-key none --weight none --breaker none --order priority"
    free = json.loads(said("set", f"{none} --json"))["policy"]
    assert not any(free[rule] for rule in ("max_running", "rate", "weights", "breaker"))
    assert json.loads(said("resume", "--json"))["paused_at"] is None
    verbs = ("pause", *["set"] * 5, "resume")
    who = ("key", "LAPINQ_API_KEY")
    assert [entry[:4] for entry in noted(command_database)[-7:]] == [
        (*who, f"queue.{verb}", name) for verb in verbs
    ]


def test_blocked_keys_are_listed_and_freed(command_database: str, at_server: tuple[str, ...]) -> None:
    name = "devices"
    lapinq_at(at_server, "queue", "pause", name, "--create")
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
    aged = lapinq_at(at_server, "queue", "keys", name, "--sort", "age", "--prefix", "a/", "--json")
    assert [one["key"] for one in json.loads(aged.stdout)] == ["a/1"]
    all_of = ("queue", "unblock", name, "--by", "skip", "--all")
    tried = lapinq_at(at_server, *all_of, "--dry-run")
    preview = f"a/1: add {holder}, then {head}\nwould start the next tasks of 1 key of {name}\n"
    assert (tried.exit_code, tried.stdout) == (0, preview), tried.stderr
    assert lapinq_at(at_server, *all_of, "a/1", "-y").exit_code == 2
    asked = lapinq_at(at_server, *all_of[:-1], "--prefix", "a", stdin="n\n")
    assert (asked.exit_code, "Start the next tasks of 1 key of devices? [y/N]" in asked.stderr) == (1, True)
    none = lapinq_at(at_server, *all_of[:-1], "b", "-y")
    assert (none.exit_code, none.stdout) == (0, f"freed 0 keys of {name}\n")
    freed = lapinq_at(at_server, "queue", "skip", name, "a/1")
    assert (freed.exit_code, freed.stdout) == (0, f"a/1 no longer waits for {holder}\n")
    assert lapinq_at(at_server, "queue", "keys", name).stderr == "There are no such keys.\n"
    again = lapinq_at(at_server, "queue", "skip", name, "a/1")
    assert (again.exit_code, "no task that waits for a retry holds this key" in again.stderr) == (1, True)


def test_the_variable_of_the_client_names_the_server_unless_a_database_is_named(
    server_url: str, database: str
) -> None:
    env = {"LAPINQ_URL": server_url, "LAPINQ_API_KEY": KEY, "DATABASE_URL": None}
    assert lapinq_at((), "queue", "pause", "of the server", "--create", env=env).exit_code == 0
    found = json.loads(lapinq_at((), "queue", "list", "-j", env=env).stdout)
    assert "of the server" in {one["queue_name"] for one in found}
    assert lapinq_at(("--database-url", database), "queue", "list", "-j", env=env).stdout == "[]\n"


def test_a_queue_is_purged(command_database: str, at_server: tuple[str, ...]) -> None:
    name, other = "full", "other"
    later = datetime.now(UTC) + timedelta(hours=1)
    waiting = [new_task(queue_name=name), new_task(queue_name=name, scheduled_at=later)]
    enqueue_all(command_database, [*waiting, new_task(queue_name=other)])

    def purge(flags: str = "", answer: str = "") -> tuple[int, str, str]:
        done = lapinq_at(at_server, "queue", "purge", name, *flags.split(), stdin=answer)
        return done.exit_code, done.stdout, done.stderr

    assert purge("--dry-run") == (0, f"would delete 2 pending tasks of {name}\n", "")
    assert json.loads(purge("--dry-run -j")[1])["matching"] == 2
    question = f"Delete 2 pending tasks of {name}? [y/N]: "
    for answer in ("n\n", ""):
        code, out, said = purge(answer=answer)
        assert (code, out, said.startswith(question)) == (1, "", True)
    assert purge("--status failed") == (0, f"deleted 0 failed tasks of {name}\n", "")
    assert [purge("--status running -y")[0], purge("--status failed --all")[0]] == [2, 2]
    assert purge(answer="y\n") == (0, f"deleted 2 pending tasks of {name}\n", f"{question}y\n")
    assert json.loads(purge("--all -y -j")[1]) == {"deleted": 0, "skipped_running": 0}
    left = json.loads(lapinq_at(at_server, "queue", "list", "-j").stdout)
    counts = {one["queue_name"]: one["pending"] for one in left}
    assert (name in counts, counts[other]) == (False, 1)
    assert noted(command_database)[-1][2:4] == ("task.delete_many", name)
