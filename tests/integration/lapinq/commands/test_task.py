"""`lapinq task`."""

import json
import re
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any, LiteralString

import httpx
import psycopg
import pytest
from click.testing import Result

from lapinq.commands.console.api import Api
from lapinq.commands.tasks import listing, logs
from lapinq.testing import Database, DatabaseWorker
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.state import Status
from tests.integration.lapinq.commands.conftest import KEY
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database.invariants import check_invariants
from tests.support.database.running import on_connections
from tests.support.programs.command_line import lapinq_at, noted
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import add_worker, new_task

pytestmark = pytest.mark.http

SAMPLE = "tests.support.sample.tasks"
_queues = (f"queue {number}" for number in count())
ONCE_AGAIN = ("--max-retries", "1", "--retry-delay", "0", "--no-retry-backoff")

Task = Callable[..., Result]


@pytest.fixture
def task(at_server: tuple[str, ...]) -> Task:
    """Calls `lapinq task`."""
    return partial(call, at_server)


@pytest.fixture
def made(command_database: str) -> tuple[str, dict[Status, str]]:
    """A queue with a task of every status."""
    queue = next(_queues)
    return queue, on_connections(command_database, partial(one_of_each, queue=queue))


def call(place: Sequence[str], *arguments: str, stdin: str = "") -> Result:
    command, *rest = arguments
    return lapinq_at((), "task", command, *place, *rest, stdin=stdin)


def ids(result: Result) -> list[str]:
    assert result.exit_code == 0, result.stderr
    return result.stdout.split()


def shown(task: Task, task_id: str) -> dict[str, Any]:
    return json.loads(task("get", task_id, "--json").stdout)


def test_tasks_are_listed_by_every_filter(
    task: Task,
    command_database: str,
    made: tuple[str, dict[Status, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue, by_status = made
    newest = sorted(by_status.values(), reverse=True)
    failed, done, pending = (by_status[one] for one in (Status.FAILED, Status.COMPLETED, Status.PENDING))
    worker = shown(task, failed)["worker_id"]
    for flags, expected in (
        ("", newest),
        ("--status failed", [failed]),
        ("--name add", newest),
        ("--name ad", []),
        ("--name-contains AD", newest),
        ("--since 1h", newest),
        ("--since 2098-01-01T00:00Z", []),
        ("--until 1h30m", []),
        ("--ended-since 1h --status failed", [failed]),
        ("--ended-until 1h", []),
        ("--error VALUE", [failed]),
        ("--error-kind 'ValueError: no'", [failed]),
        ("--args [1,1]", newest),
        ("--result done", [done]),
        (f"--worker {worker} --status failed", [failed]),
        ("--status ready,failed --not-error value", [pending]),
        ("--status pending,failed", sorted([pending, failed], reverse=True)),
        ("--arguments 1,1 --not-name sub --not-queue a,b --name add,sub", newest),
        ("--not-name-contains ad", []),
        ("--since yesterday --not-task-key 'acme*' --not-arguments x --not-metadata x", newest),
        ("--not-result done --not-error-kind 'ValueError: no' --status completed,failed", []),
        ("--task-keys 'acme*,*'", []),
        ("--argument order=17", []),
        (f"--id {failed[:13]}", [one for one in newest if one[:13] == failed[:13]]),
    ):
        assert ids(task("list", "--queue", queue, "--ids", *shlex.split(flags))) == expected, flags
    cut = task("list", "-q", queue, "--ids", "--limit", "2")
    assert (ids(cut), cut.stderr) == (newest[:2], "there are more: raise --limit, or give --all\n")
    [line] = task("list", "-q", queue, "-s", "failed").stdout.splitlines()
    assert line.split("  ")[:4] == [failed, "failed", queue, "add"]
    assert line.endswith("ValueError: no")
    # The state of those for whose state one asks.
    told = task("list", "-q", queue, "-s", "ready,failed").stdout.splitlines()
    assert sorted(line.split()[1] for line in told) == ["failed", "ready"]
    [line] = task("list", "-q", queue, "-s", "pending").stdout.splitlines()
    assert line.split()[1] == "pending"
    on_connections(command_database, add_worker)
    several = task("list", "--worker", "test*")
    assert several.exit_code == 2
    assert re.search(r"--worker test\* means \d workers: name one", several.stderr)
    none = task("list", "-q", "nowhere")
    assert (none.exit_code, none.stdout, none.stderr) == (0, "", "There are no such tasks.\n")
    assert task("list", "-q", "nowhere", "--json").stdout == "[]\n"
    monkeypatch.setattr(listing, "_PAGE", 4)  # two pages
    assert ids(task("list", "-q", queue, "--ids", "--all")) == newest
    assert [one["id"] for one in json.loads(task("list", "-q", queue, "--json", "--all").stdout)] == newest


def test_the_beginning_of_an_id_names_a_task(task: Task, command_database: str) -> None:
    time = "01801000-1111-7"
    several = [new_task(id=f"{time}{n:03x}-8000-000000000000", queue_name="same time") for n in range(3)]
    enqueue_all(command_database, several)
    chosen = several[1].id
    found = task("get", chosen[:18])
    assert found.stdout.splitlines()[0] == f"id                {chosen}"
    assert task("get", chosen.upper().replace("-", "")).stdout == found.stdout
    refused = task("cancel", time)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines() == [
        f"Error: 3 tasks have an id that begins with {time}; give more of it:",
        *(f"  {one.id}  pending    same time  add" for one in several[::-1]),
    ]


def test_a_task_says_why_it_is_not_running_and_a_late_wait_exits_with_124(database: str) -> None:
    queue = "nobody's"
    task = partial(call, ("--database-url", database))
    [task_id] = ids(task("enqueue", f"{SAMPLE}:add", "1", "2", "--queue", queue))
    why = f"No live worker serves the queue {queue!r}."
    remedy = f"Start one: lapinq worker --queue {shlex.quote(queue)}"
    lines = task("get", task_id).stdout.splitlines()
    assert lines[-2:] == [f"why               {why}", f"remedy            {remedy}"]
    assert task("why", task_id).stdout == f"{why}\n{remedy}\n"
    assert json.loads(task("why", task_id, "--json").stdout)["kind"] == "no_worker"
    late = task("wait", task_id, "--timeout", "0.01")
    assert (late.exit_code, late.stdout) == (124, "")
    assert late.stderr == f"Error: task {task_id} has not ended after 0.01 s. {why} {remedy}\n"


def test_a_task_is_enqueued_with_every_field_and_again_with_changes(task: Task) -> None:
    queue = next(_queues)
    flags = shlex.split(
        "--priority -2 --at 2099-01-01 --max-retries 0 --retry-delay 1m --no-retry-backoff --ttl 100d"
        " --timeout 1.5 --metadata '{\"a\": 1}' --webhook https://example.org/ --task-key acme"
    )
    words = ["20", "007", "ada@example.org", "to=[1]", "x=1e2", "--", "-1", '"1"', "a-b=c"]
    [task_id] = ids(task("enqueue", "app.mail:send", "--queue", queue, *flags, *words))
    fields = {
        "module_path": "app.mail",
        "task_name": "send",
        "queue_name": queue,
        "args": [20, "007", "ada@example.org", -1, "1", "a-b=c"],
        "kwargs": {"to": [1], "x": 100},
        "priority": -2,
        "scheduled_at": "2099-01-01T00:00:00+00:00",
        "max_retries": 0,
        "retry_delay": 60,
        "retry_backoff": False,
        "ttl_seconds": 8_640_000,
        "timeout_seconds": 1.5,
        "metadata": {"a": 1},
        "webhook_url": "https://example.org/",
        "key": "acme",
    }
    assert shown(task, task_id).items() >= fields.items()
    [again] = ids(task("rerun", task_id[:35], "--args", "[3]", "--metadata", "null"))
    changed = {"args": [3], "metadata": None, "scheduled_at": None}
    assert shown(task, again).items() >= (fields | changed).items()
    both = json.loads(task("rerun", "-", "--json", stdin=f"{task_id}\n\n{again}\n").stdout)
    assert len(both) == 2
    arguments = ["--kwargs", '{"n": 12345678901234567890}', "--json"]
    keyed = ["enqueue", "app.mail:send", "--idempotency-key", queue, *arguments]
    assert task(*keyed).stdout == task(*keyed).stdout
    transient = task("enqueue", "app.mail:send", "--ttl", "0")
    assert (transient.exit_code, transient.stdout) == (0, "")
    assert "no id" in transient.stderr


def test_tasks_are_changed_one_by_one_and_each_refusal_has_its_reason(
    task: Task, made: tuple[str, dict[Status, str]], command_database: str
) -> None:
    _, by_status = made
    unknown = new_id()
    done, running = by_status[Status.COMPLETED], by_status[Status.RUNNING]
    pending, failed = by_status[Status.PENDING], by_status[Status.FAILED]
    is_completed = f"task {done}: only a {{}} task can be {{}}, and this one is completed"
    verbs = ("get", "why", "logs", "wait", "rerun", "delete", "cancel", "cancel --running", "requeue")
    for command, reason in (
        *((f"{verb} {unknown}", f"no task {unknown}") for verb in verbs),
        (f"cancel {done}", is_completed.format("pending", "cancelled")),
        (f"cancel --running {done}", is_completed.format("pending or running", "cancelled")),
        (f"requeue {done}", is_completed.format("failed", "requeued")),
        (f"run {done}", is_completed.format("pending", "run now")),
        (f"cancel {running}", f"task {running} is running; --running asks it to stop"),
        (f"delete {running}", f"task {running} is running: cancel it first"),
        (f"logs {done} --attempt 2", f"task {done} has no attempt 2"),
    ):
        refused = task(*command.split())
        assert (refused.exit_code, refused.stdout, refused.stderr) == (1, "", f"Error: {reason}\n"), command
    asked = task("cancel", running, "--running")
    told = f"asked {running} to stop; it ends as cancelled, unless it completes first\n"
    assert (asked.exit_code, asked.stdout) == (0, told)
    assert task("requeue", failed).stdout == f"requeued {failed}\n"
    several = task("cancel", unknown, pending, "-", stdin=f"{done}\n")
    assert (several.exit_code, several.stdout) == (1, f"cancelled {pending}\n")
    refusals = [f"no task {unknown}", is_completed.format("pending", "cancelled")]
    assert several.stderr.splitlines() == [f"Error: {reason}" for reason in refusals]
    as_json = task("cancel", unknown, failed, "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (1, [{"id": failed, "status": "cancelled"}])
    [later] = ids(task("enqueue", "m:f", "--in", "1h", "--queue", "later"))
    assert task("run", later).stdout == f"released {later}\n"
    assert task("delete", done, failed).stdout == f"deleted {done}\ndeleted {failed}\n"
    left = [one for one in by_status.values() if one not in (done, failed)]
    check_invariants(command_database, [*left, later])
    assert noted(command_database)[-1][:3] == ("key", "LAPINQ_API_KEY", "task.delete_many")


def test_tasks_are_changed_by_filters_after_asking(task: Task, made: tuple[str, dict[Status, str]]) -> None:
    queue, by_status = made
    ids(task("enqueue", "m:f", "--in", "1h", "-q", queue))
    for command, would, did in (
        ("run", "start 1 task now", "released 1 task"),
        ("cancel --name f", "cancel 1 task", "cancelled 1 task"),
        ("cancel --since 1h", "cancel 1 task", "cancelled 1 task"),
        ("requeue --error value", "requeue 1 task", "requeued 1 task"),
        ("delete --status expired", "delete 1 task", "deleted 1 task"),
        ("delete", "delete 5 tasks", "deleted 5 tasks; 1 task running"),
    ):
        asked = [*command.split(), "--queue", queue]
        assert task(*asked, "--dry-run").stdout == f"would {would}\n", command
        no = task(*asked, stdin="n\n")
        assert (no.exit_code, no.stdout) == (1, "")
        assert no.stderr.startswith(f"{would.capitalize()}? [y/N]: ")
        yes = task(*asked, "--yes") if "--since" in command else task(*asked, stdin="y\n")
        assert (yes.exit_code, yes.stdout) == (0, f"{did}\n"), command
    counted = json.loads(task("delete", "-q", queue, "--dry-run", "--json").stdout)
    assert counted == {"deleted": 0, "skipped_running": 1, "matching": 0, "dry_run": True}
    assert ids(task("list", "-q", queue, "--ids")) == [by_status[Status.RUNNING]]


def test_ends_other_than_completion_fail_a_wait(task: Task, made: tuple[str, dict[Status, str]]) -> None:
    _, by_status = made
    done, failed, cancelled, expired = (
        by_status[status] for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.EXPIRED)
    )
    waited = task("wait", done, failed, cancelled, expired, new_id())
    assert (waited.exit_code, waited.stdout) == (1, '"done"\n')
    of_failed, of_cancelled, of_expired, of_unknown = waited.stderr.splitlines()
    assert of_failed == f"Error: task {failed} failed: ValueError: no"
    assert of_cancelled == f"Error: task {cancelled} was cancelled"
    assert of_expired.startswith(f"Error: task {expired} expired: ")
    assert of_unknown.startswith("Error: no task ")
    [one] = json.loads(task("wait", done, "--json").stdout)
    assert (one["id"], one["result"]) == (done, '"done"')


def test_an_enqueue_whose_answer_is_lost_is_repeated_and_stores_one_task(server_url: str) -> None:
    class LosesFirstAnswer(httpx.HTTPTransport):
        is_first = True

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            if self.is_first:
                self.is_first = False
                answer.close()
                raise httpx.ReadError("connection reset")
            return answer

    queue = next(_queues)
    body = {"task_name": "f", "module_path": "m", "queue_name": queue}
    with httpx.Client(
        base_url=server_url, headers={"x-api-key": KEY}, transport=LosesFirstAnswer()
    ) as client:
        api = Api(client)
        stored = api.post_once("/api/v1/enqueue", body, f"task-{new_id()}").value["task_id"]
        assert [one["id"] for one in api.get("/api/v1/tasks", queue=queue).value] == [stored]


def test_a_task_is_shown_with_its_attempts_and_their_logs(task: Task, command_database: str) -> None:
    queue = next(_queues)
    [task_id] = ids(task("enqueue", f"{SAMPLE}:fail", "out of paper", *ONCE_AGAIN, "--queue", queue))
    drain(command_database, queue)
    update_attempts(command_database, task_id, r"logs = E'started\n\x1b[31mred', progress = 40")
    fields, first, second = task("get", task_id).stdout.split("\n\n")
    assert fields.splitlines()[0] == f"id                {task_id}"
    assert "status            failed" in fields.splitlines()
    for number, attempt in enumerate((first, second), 1):
        lines = attempt.splitlines()
        assert lines[0] == f"attempt {number}: failed"
        assert "  progress          40 %" in lines
        assert any(line.startswith("  error ") and "out of paper" in line for line in lines)
        assert lines[lines.index("  traceback") + 1].startswith("    ")
        assert lines[lines.index("  logs") + 1 :] == ["    started", r"    \x1b[31mred"]
    lines = task("logs", task_id).stdout.splitlines()
    assert [line[:20] for line in lines[::3]] == ["attempt 1, started 2", "attempt 2, started 2"]
    assert lines[1:3] == lines[4:6] == ["  started", r"  \x1b[31mred"]
    assert task("logs", task_id, "--attempt", "2").stdout == "started\n\\x1b[31mred\n"
    assert len(json.loads(task("logs", task_id, "-j").stdout)) == 2
    update_attempts(command_database, task_id, r"error = E'no\u009b2J\nstatus  completed'")
    as_json = task("get", task_id, "--json")
    assert json.loads(as_json.stdout)["attempts"] == 2
    assert r'"no\u009b2J\nstatus  completed"' in as_json.stdout
    assert task("why", task_id).stdout.startswith("It failed")


def test_a_log_is_followed_to_the_end_of_the_task(
    task: Task, command_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = next(_queues)
    [task_id] = ids(task("enqueue", f"{SAMPLE}:book", "7", *ONCE_AGAIN, "--queue", queue))

    def run_tasks(_: float) -> None:
        drain(command_database, queue)

    # While the command sleeps between two looks, a worker runs the task.
    monkeypatch.setattr(logs, "time", SimpleNamespace(sleep=run_tasks))
    first, booking, second, rebooking = task("logs", task_id, "--follow").stdout.splitlines()
    assert (first[:10], second[:10]) == ("attempt 1,", "attempt 2,")
    assert booking.endswith("INFO booking 7")
    assert rebooking.endswith("INFO booking 7")


def drain(database: str, queue: str) -> None:
    DatabaseWorker(Database(database), worker_queues=(queue,)).drain()


def update_attempts(database: str, task_id: str, values: LiteralString) -> None:
    with psycopg.connect(database) as conn:
        conn.execute(f"UPDATE lapinq_attempts SET {values} WHERE task_id = %s", (task_id,))
