"""`lapinq task`, on the database and through a server, without a worker and with one."""

import json
import re
import shlex
from collections.abc import Callable, Generator, Sequence
from functools import partial
from itertools import count
from typing import Any

import httpx
import psycopg
import pytest
from click.testing import Result

from lapinq.commands.console.api import Api
from lapinq.commands.tasks import listing
from lapinq_api.app import build_app
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.state import Status
from lapinq_core.runtime.settings import Settings
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database import postgres
from tests.support.database.invariants import check_invariants
from tests.support.database.running import on_connections
from tests.support.http.serving import serving
from tests.support.programs.command_line import ME, lapinq_at, noted
from tests.support.programs.processes import ApiProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import add_worker, new_task

SAMPLE = "tests.support.sample.tasks"
KEY = "s3cret-of-the-server"
_queues = (f"queue {number}" for number in count())

Task = Callable[..., Result]


@pytest.fixture(scope="module")
def idle(postgres_url: str, template_database: str) -> Generator[tuple[str, str]]:
    """The URL of a database, and of a server on it. No worker runs there."""
    with (
        postgres.private_database(postgres_url, template_database) as url,
        serving(build_app(Settings(database_url=url, api_key=KEY))) as client,
    ):
        yield url, str(client.base_url)


@pytest.fixture(params=["database", "server"])
def task(request: pytest.FixtureRequest, idle: tuple[str, str]) -> Task:
    """Calls `lapinq task`, both ways."""
    database, url = idle
    at_server = ("--server", url, "--api-key", KEY)
    return partial(call, at_server if request.param == "server" else ("--database-url", database))


@pytest.fixture
def made(idle: tuple[str, str]) -> tuple[str, dict[Status, str]]:
    """A queue with a task of every status."""
    queue = next(_queues)
    return queue, on_connections(idle[0], partial(one_of_each, queue=queue))


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
    idle: tuple[str, str],
    made: tuple[str, dict[Status, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue, by_status = made
    newest = sorted(by_status.values(), reverse=True)
    failed = by_status[Status.FAILED]
    worker = shown(task, failed)["worker_id"]
    cases: list[tuple[list[str], list[str]]] = [
        ([], newest),
        (["--status", "failed"], [failed]),
        (["--name", "add"], newest),
        (["--name", "ad"], []),
        (["--task-name", "AD"], newest),
        (["--since", "1h"], newest),
        (["--since", "2000-01-01"], newest),
        (["--since", "2098-01-01T00:00Z"], []),
        (["--until", "1h30m"], []),
        (["--error", "VALUE"], [failed]),
        (["--error-kind", "ValueError: no"], [failed]),
        (["--args", "[1,1]"], newest),
        (["--result", "done"], [by_status[Status.COMPLETED]]),
        (["--worker", worker, "--status", "failed"], [failed]),
        (["--state", "ready,failed", "--not-errors", "value"], [by_status[Status.PENDING]]),
        (["--arguments", "1,1", "--not-names", "sub", "--not-queues", "a,b", "--names", "add,sub"], newest),
        (["--not-task-names", "ad"], []),
        (["--id", failed[:13]], [one for one in newest if one[:13] == failed[:13]]),
    ]
    for flags, expected in cases:
        assert ids(task("list", "--queue", queue, "--ids", *flags)) == expected, flags
    cut = task("list", "-q", queue, "--ids", "--limit", "2")
    assert (ids(cut), cut.stderr) == (newest[:2], "there are more: raise --limit, or give --all\n")
    lines = task("list", "-q", queue, "-s", "failed").stdout.splitlines()
    assert [line.split("  ")[:4] for line in lines] == [[failed, "failed", queue, "add"]]
    assert lines[0].endswith("ValueError: no")
    on_connections(idle[0], add_worker)
    several = task("list", "--worker", "test*")
    assert several.exit_code == 2
    assert re.search(r"--worker test\* means \d workers: name one", several.stderr)
    none = task("list", "-q", "nowhere")
    assert (none.exit_code, none.stdout, none.stderr) == (0, "", "There are no such tasks.\n")
    monkeypatch.setattr(listing, "_PAGE", 4)  # two pages
    assert ids(task("list", "-q", queue, "--ids", "--all")) == newest
    assert [one["id"] for one in json.loads(task("list", "-q", queue, "--json", "--all").stdout)] == newest
    assert task("list", "-q", "nowhere", "--json").stdout == "[]\n"


def test_the_beginning_of_an_id_names_a_task(task: Task, idle: tuple[str, str]) -> None:
    time = f"018{next(_moments):05x}-1111-7"
    several = [new_task(id=f"{time}{n:03x}-8000-000000000000", queue_name="same time") for n in range(3)]
    enqueue_all(idle[0], several)
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
    for text, code, message in (
        ("ffffffff", 1, "Error: no task ffffffff\n"),
        ("ffffa", 2, "'ffffa' is too short: give at least 6 characters of the id\n"),
        ("mail", 2, "'mail' is not the id of a task, nor its beginning\n"),
    ):
        refused = task("why", text)
        assert (refused.exit_code, refused.stdout) == (code, "")
        assert refused.stderr.endswith(message)


_moments = count(0x10000)


def test_a_task_says_why_it_is_not_running(database: str) -> None:
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


def test_a_task_is_enqueued_with_every_field_and_again_with_changes(
    task: Task, idle: tuple[str, str]
) -> None:
    queue = next(_queues)
    flags = ["--priority", "-2", "--at", "2099-01-01", "--max-retries", "0", "--retry-delay", "1m"]
    flags += ["--no-retry-backoff", "--ttl", "100d", "--timeout", "1.5", "--metadata", '{"a": 1}']
    flags += ["--webhook", "https://example.org/", "--task-key", "acme"]
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
    one = shown(task, task_id)
    assert {name: one[name] for name in fields} == fields
    [again] = ids(task("rerun", task_id[:35], "--args", "[3]", "--metadata", "null"))
    one = shown(task, again)
    assert {name: one[name] for name in fields} == {
        **fields,
        "args": [3],
        "metadata": None,
        "scheduled_at": None,
    }
    both = json.loads(task("rerun", "-", "--json", stdin=f"{task_id}\n\n{again}\n").stdout)
    assert len(both) == 2
    keyed = ["enqueue", "app.mail:send", "--kwargs", '{"n": 12345678901234567890}', "--key", queue, "--json"]
    assert task(*keyed).stdout == task(*keyed).stdout
    transient = task("enqueue", "app.mail:send", "--ttl", "0")
    assert (transient.exit_code, transient.stdout) == (0, "")
    assert "no id" in transient.stderr


def test_wrong_values_are_refused_with_the_reason(task: Task) -> None:
    for words, message in (
        (["math.factorial"], "is not MODULE:FUNCTION: do you mean math:factorial?"),
        (["math"], "is not MODULE:FUNCTION, such as shop.tasks:send_mail"),
        (["shop/tasks.py:send"], "names a file: name the module, shop.tasks:send"),
        (["1x:f"], "module_path must be a dotted Python module name"),
        (["m:f", "[1,"], "'[1,' begins like JSON, but is not: "),
        (["m:f", "1", "--args", "[2]"], "give arguments after the function or as --args, not both"),
        (["m:f", "a=1", "a=2"], "a= is given twice"),
        (["m:f", "-5"], "put -- before -5: it looks like an option"),
        (["m:f", "--args", "1"], "args must be a list, not an integer"),
        (["m:f", "--args", "x"], "Invalid value for '--args': 'x' is not JSON: "),
        (["m:f", "--in", "soon"], "'soon' is not a duration such as 90, 30s, 15m, 1h30m or 2d"),
        (["m:f", "--at", "noon"], "'noon' is not a time such as 2030-01-31T12:00"),
        (["m:f", "--in", "1h", "--at", "2030-01-01"], "give --at or --in, not both"),
        (["m:f", "--ttl", "0", "--wait"], "--wait needs a task with a result: --ttl 0 leaves none"),
        (["m:f", "--key", "ü"], "must have 1 to 255 printable ASCII characters"),
        (["m:f", "--priority", "9999999999"], "priority must be between"),
        (["m:f", "--limit", "openai"], "'openai' is not NAME=UNITS, such as openai=1200"),
        (["m:f", "--limit", "openai=2", "--limit", "tpu=1"], "limits.openai is not a limit that exists"),
    ):
        refused = task("enqueue", *words)
        assert (refused.exit_code, refused.stdout) == (2, ""), words
        assert message in refused.stderr, words
    for command, message in (
        (["list", "--since", "today"], "neither a time ago such as 30m, 2h or 1d nor a time"),
        (["list", "--ids", "--json"], "give --ids or --json, not both"),
        (["cancel"], "give IDs, or filters such as --queue, or --all for all tasks"),
        (["delete", new_id(), "--all"], "give either IDs, or filters, --all and --dry-run"),
        (["cancel", "--running", "--all"], "--running needs IDs"),
        (["requeue", "--status", "pending"], "'pending' is not 'failed'"),
        (["logs", new_id(), "-f", "-j"], "give --follow or --json, not both"),
    ):
        refused = task(*command)
        assert (refused.exit_code, refused.stdout) == (2, ""), command
        assert message in refused.stderr, command


def test_tasks_are_changed_one_by_one_and_each_refusal_has_its_reason(
    task: Task, made: tuple[str, dict[Status, str]], idle: tuple[str, str]
) -> None:
    _, by_status = made
    unknown = new_id()
    done, running = by_status[Status.COMPLETED], by_status[Status.RUNNING]
    pending, failed = by_status[Status.PENDING], by_status[Status.FAILED]
    is_completed = f"task {done}: only a {{}} task can be {{}}, and this one is completed"
    for command, reason in (
        (("get", unknown), f"no task {unknown}"),
        (("why", unknown), f"no task {unknown}"),
        (("logs", unknown), f"no task {unknown}"),
        (("wait", unknown), f"no task {unknown}"),
        (("rerun", unknown), f"no task {unknown}"),
        (("delete", unknown), f"no task {unknown}"),
        (("cancel", unknown), f"no task {unknown}"),
        (("cancel", "--running", unknown), f"no task {unknown}"),
        (("requeue", unknown), f"no task {unknown}"),
        (("cancel", done), is_completed.format("pending", "cancelled")),
        (("cancel", "--running", done), is_completed.format("pending or running", "cancelled")),
        (("requeue", done), is_completed.format("failed", "requeued")),
        (("run", done), is_completed.format("pending", "run now")),
        (("cancel", running), f"task {running} is running; --running asks it to stop"),
        (("delete", running), f"task {running} is running: cancel it first"),
        (("logs", done, "--attempt", "2"), f"task {done} has no attempt 2"),
    ):
        refused = task(*command)
        assert (refused.exit_code, refused.stdout, refused.stderr) == (1, "", f"Error: {reason}\n"), command
    asked = task("cancel", running, "--running")
    assert (asked.exit_code, asked.stdout) == (
        0,
        f"asked {running} to stop; it ends as cancelled, unless it completes first\n",
    )
    assert task("requeue", failed).stdout == f"requeued {failed}\n"
    several = task("cancel", unknown, pending, "-", stdin=f"{done}\n")
    assert (several.exit_code, several.stdout) == (1, f"cancelled {pending}\n")
    assert several.stderr.splitlines() == [
        f"Error: no task {unknown}",
        f"Error: {is_completed.format('pending', 'cancelled')}",
    ]
    as_json = task("cancel", unknown, failed, "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (1, [{"id": failed, "status": "cancelled"}])
    [later] = ids(task("enqueue", "m:f", "--in", "1h", "--queue", "later"))
    assert task("run", later).stdout == f"released {later}\n"
    assert task("delete", done, failed).stdout == f"deleted {done}\ndeleted {failed}\n"
    assert task("get", done).exit_code == 1
    left = [one for one in by_status.values() if one not in (done, failed)]
    check_invariants(idle[0], [*left, later])
    who, action = noted(idle[0])[-1][:2], noted(idle[0])[-1][2]
    assert (who, action) in ((ME, "task.delete_many"), (("key", "LAPINQ_API_KEY"), "task.delete_many"))


def test_tasks_are_changed_by_filters_after_asking(task: Task, made: tuple[str, dict[Status, str]]) -> None:
    queue, by_status = made
    ids(task("enqueue", "m:f", "--in", "1h", "-q", queue))
    for command, would, did in (
        (["run"], "would start 1 task now", "released 1 task"),
        (["cancel", "--name", "f"], "would cancel 1 task", "cancelled 1 task"),
        (["cancel", "--since", "1h"], "would cancel 1 task", "cancelled 1 task"),
        (["requeue", "--error", "value"], "would requeue 1 task", "requeued 1 task"),
        (["delete", "--status", "expired"], "would delete 1 task", "deleted 1 task"),
        (["delete"], "would delete 5 tasks", "deleted 5 tasks; 1 task running"),
    ):
        asked = [*command, "--queue", queue]
        assert task(*asked, "--dry-run").stdout == f"{would}\n", command
        no = task(*asked, stdin="n\n")
        question = would.removeprefix("would ").capitalize()
        assert (no.exit_code, no.stdout) == (1, "")
        assert no.stderr.startswith(f"{question}? [y/N]: ")
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
    lines = waited.stderr.splitlines()
    assert lines[:2] == [
        f"Error: task {failed} failed: ValueError: no",
        f"Error: task {cancelled} was cancelled",
    ]
    assert lines[2].startswith(f"Error: task {expired} expired: ")
    assert lines[3].startswith("Error: no task ")
    objects = json.loads(task("wait", done, "--json").stdout)
    assert [(one["id"], one["result"]) for one in objects] == [(done, '"done"')]


def test_an_enqueue_whose_answer_is_lost_is_repeated_and_stores_one_task(idle: tuple[str, str]) -> None:
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
    with httpx.Client(base_url=idle[1], headers={"x-api-key": KEY}, transport=LosesFirstAnswer()) as client:
        api = Api(client)
        stored = api.post_once("/api/v1/enqueue", body, f"task-{new_id()}").value["task_id"]
        assert [one["id"] for one in api.get("/api/v1/tasks", queue=queue).value] == [stored]


# With a worker


def test_a_task_is_enqueued_awaited_and_shown_with_its_attempts(server: ApiProcess) -> None:
    database = ("--database-url", server.database)
    for place in (("--server", server.url), database):
        done = call(place, "enqueue", f"{SAMPLE}:add", "1", "b=2", "--wait")
        assert (done.exit_code, done.stdout) == (0, "3\n"), done.stderr
        task_id = done.stderr.split()[1]
        assert json.loads(call(place, "wait", task_id, "-j").stdout)[0]["result"] == "3"
    failed = call(
        database, "enqueue", f"{SAMPLE}:fail", "out of paper", "--max-retries", "1", "--retry-delay", "0",
        "--no-retry-backoff", "--wait=30",
    )  # fmt: skip
    assert (failed.exit_code, failed.stdout) == (1, "")
    task_id = failed.stderr.split()[1]
    assert failed.stderr.splitlines()[-1] == f"Error: task {task_id} failed: ValueError: out of paper"
    with psycopg.connect(server.database) as conn:
        conn.execute(
            "UPDATE lapinq_attempts SET logs = 'started' || chr(10) || chr(27) || '[31mred', progress = 40"
            " WHERE task_id = %s",
            (task_id,),
        )
    fields, first, second = call(database, "get", task_id).stdout.split("\n\n")
    assert fields.splitlines()[0] == f"id                {task_id}"
    assert "status            failed" in fields.splitlines()
    for number, attempt in enumerate((first, second), 1):
        lines = attempt.splitlines()
        assert lines[0] == f"attempt {number}: failed"
        assert "  progress          40 %" in lines
        assert any(line.startswith("  error ") and "out of paper" in line for line in lines)
        assert lines[lines.index("  traceback") + 1].startswith("    ")
        assert lines[lines.index("  logs") + 1 :] == ["    started", r"    \x1b[31mred"]
    for place in (("--server", server.url), database):
        lines = call(place, "logs", task_id).stdout.splitlines()
        assert [bool(re.match(rf"attempt {n}, started 2", lines[3 * n - 3])) for n in (1, 2)] == [True, True]
        assert lines[1:3] == lines[4:6] == ["  started", r"  \x1b[31mred"]
        assert call(place, "logs", task_id, "--attempt", "2").stdout == "started\n\\x1b[31mred\n"
        assert len(json.loads(call(place, "logs", task_id, "-j").stdout)) == 2
    with psycopg.connect(server.database) as conn:
        conn.execute(
            "UPDATE lapinq_attempts SET error = 'no' || chr(155) || '2J' || chr(10) || 'status  completed'"
            " WHERE task_id = %s",
            (task_id,),
        )
    as_json = call(database, "get", task_id, "--json")
    assert json.loads(as_json.stdout)["attempts"] == 2
    assert r'"no\u009b2J\nstatus  completed"' in as_json.stdout
    as_text = call(database, "get", task_id)
    assert r"error             no\x9b2J" in as_text.stdout.splitlines()
    assert "                  status  completed" in as_text.stdout.splitlines()


def test_a_log_is_followed_to_the_end_of_the_task(server: ApiProcess) -> None:
    place = ("--database-url", server.database)
    again = ("--max-retries", "1", "--retry-delay", "0", "--no-retry-backoff")
    [task_id] = ids(call(place, "enqueue", f"{SAMPLE}:book", "7", *again))
    followed = call(place, "logs", task_id, "--follow")
    assert followed.exit_code == 0
    first, booking, second, rebooking = followed.stdout.splitlines()
    assert (first[:10], second[:10]) == ("attempt 1,", "attempt 2,")
    assert booking.endswith("INFO booking 7")
    assert rebooking.endswith("INFO booking 7")
    assert call(place, "why", task_id).stdout.startswith("It failed")
