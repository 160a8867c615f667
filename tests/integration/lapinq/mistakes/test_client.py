"""In a program that enqueues: what is wrong is raised where it is written, and nothing is sent."""

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from lapinq import Backoff, RateLimited, RetryError, Snooze, TaskQueue, TaskRef, verify_webhook
from lapinq import task as task_module
from lapinq.errors import InvalidValue, RequestRefused, ServerUnavailable, TaskNotImportable
from lapinq.testing import sign_webhook
from tests.integration.lapinq.mistakes.mistake import check_calls
from tests.support.drivers.urls import plain_url
from tests.support.sample import tasks

pytestmark = pytest.mark.http


KEY = "whsec_" + "A" * 32


def local() -> Callable[[], None]:
    def inner() -> None: ...

    return inner


def numbers() -> Iterator[int]:
    yield 1


class Mailer:
    def send(self, to: str) -> None: ...


def ship(order: UUID) -> None: ...


def the_first(a: int, b: int) -> int:
    return a


def key_of(order: UUID) -> str:
    return order.hex


def mistakes(url: str) -> dict[type[Exception], list[tuple[Callable[[], object], str]]]:
    """By the kind of error: what is written, and a part of the message."""
    queue: Any = TaskQueue(url, "mail")
    away: Any = TaskQueue("http://127.0.0.1:1", timeout=0.1)
    ref: Any = TaskRef(str(uuid.uuid4()), url)
    unbound: Any = TaskQueue
    split: Any = TaskQueue("http://127.0.0.1:1", api_key="s3cr\net")
    misspelt: Any = TaskQueue("postgresql://h/d?sslmod=require")
    naive = datetime(2030, 1, 31, 12)  # noqa: DTZ001
    keyed = queue.task(key=key_of)(ship)
    task, add, entry = queue.task, queue.task(tasks.add), queue.task(tasks.add).entry(1, 2)
    return {
        ValueError: [
            (lambda: TaskQueue("localhost:8001"), "must begin with http://, https:// or postgresql://"),
            (lambda: TaskQueue("mail"), "not 'mail'. To name a queue, write queue_name='mail'"),
            (lambda: TaskQueue(timeout=0), "timeout must be more than 0"),
            (lambda: TaskQueue("mysql://u:s3cret@h/d"), "must begin with http://"),
            (lambda: TaskQueue("postgresql://u:s3cr@et@h/d"), "password must be percent-encoded"),
            (lambda: misspelt.task(tasks.add).queue(1, 2), "no parameter 'sslmod' (did you mean 'sslmode'?)"),
            (lambda: add.queue(1, float("nan")), "it holds NaN or an infinite number"),
            (lambda: task(timeout=0)(tasks.add), "timeout must be more than 0"),
            (
                lambda: [task("twin")(one) for one in (tasks.add, tasks.noop)],
                "two tasks with the name 'twin': add (line",
            ),
        ],
        TypeError: [
            (lambda: unbound.task(ship), "write queue = TaskQueue(), then @queue.task"),
            (lambda: unbound.task(priority=5), "write queue = TaskQueue(), then @queue.task"),
            (lambda: unbound.cron("@daily"), "write queue = TaskQueue(), then @queue.cron"),
            (lambda: unbound(ship), 'server_url must be a str such as "http://127.0.0.1:8001", not function'),
            (lambda: unbound(timeout="5"), "timeout must be a number of seconds, not '5'"),
            (lambda: unbound(timeout=None), "timeout must be a number of seconds, not None"),
            (lambda: unbound(default_ttl_seconds="5"), "default_ttl_seconds must be a number of seconds"),
            (lambda: unbound(queue_name=5), "queue_name must be a str, not 5"),
            (lambda: unbound(api_key=b"s3cret"), "api_key must be a str, not bytes"),
            (lambda: task(timeout="5"), "timeout must be a number of seconds, not '5'"),
            (lambda: add.options(timeout="5"), "timeout must be a number of seconds, not '5'"),
            (lambda: ref.result(timeout="5"), "timeout must be a number of seconds, not '5'"),
            (lambda: ref.wait(1, "0.5"), "poll_interval must be a number of seconds, not '0.5'"),
            (lambda: task(Mailer), "only a function can be a task, not <class"),
            (lambda: task([ship]), "only a function can be a task, not ["),
            (lambda: task(queue="mail"), "'queue' (did you mean 'queue_name'?)"),
            (lambda: task(retries=3), "'retries' (did you mean 'max_retries'?)"),
            (lambda: task(autoretry_for=(ValueError,)), "'autoretry_for' (did you mean 'retry_for'?)"),
            (lambda: task(unique_key="k"), "'unique_key' (did you mean 'unique'?)"),
            (lambda: task(bind=True), "'bind' (lapinq.current_task() gives the function its task)"),
            (lambda: task(rate_limit="10/m"), "'rate_limit' (queue.policy(rate=\"60/m\") limits the starts)"),
            (lambda: task(ignore_result=True), "'ignore_result' (ttl_seconds=0 keeps no result)"),
            (lambda: task(time_limit=5), "'time_limit' (did you mean timeout?)"),
            (lambda: task(acks_late=True), "(leave it out: a task whose worker dies runs again)"),
            (lambda: task(base=object), "(TaskQueue(middleware=[...]) wraps code around every task)"),
            (lambda: task(retry_kwargs={"max_retries": 5}), "(use max_retries= and retry=)"),
            (lambda: task(serializer="json"), "(leave it out: arguments and results travel as JSON)"),
            (lambda: add.options(eta="2030-01-01T00:00Z"), "'eta' (did you mean scheduled_at?)"),
            (lambda: add.options(expires=60), "'expires' (did you mean ttl_seconds?)"),
            (lambda: add.options(link=add), "(in a workflow, flow.add(next_task, node) runs it afterwards)"),
            (lambda: add.options(link_error=add), '(in a workflow, a task with after_failure="run" learns'),
            (lambda: add.options(routing_key="mail"), "'routing_key' (did you mean queue_name?)"),
            (lambda: add.options(task_id="1"), "idempotency_key makes a repeated call return the same task"),
            (lambda: task(delay=5), "delay belongs in options(), for one call: task.options(...).queue()"),
            (lambda: task(retry_for="ValueError"), "retry_for must be an exception type or a tuple of them"),
            (lambda: task(retry=[5], retry_delay=3), "retry_delay cannot be combined with retry="),
            (lambda: task(webhook_url=5), "webhook_url must be a str, not 5"),
            (
                lambda: task(timeout=timedelta(5)),
                "timeout must be a number of seconds, not datetime.timedelta",
            ),
            (lambda: task("at", key=lambda: "k")(tasks.add).queue(1, 2), "write `lambda order_id, *_: ...`"),
            (
                lambda: task("no", key=the_first)(tasks.add).queue(1, 2),
                "of key must return a str, or None",
            ),
            (lambda: task(limits=["mailer"]), "limits must be a dict of units by name, or a function"),
            (lambda: task(unique={"until": "started"}), "unique needs a key"),
            (
                lambda: task(unique={"key": "k", "til": 5}),
                "unique has no til: it takes key, until, on_conflict",
            ),
            (lambda: task(debounce="k"), "debounce needs a delay"),
            (lambda: task(unique="k", debounce={"key": "k", "delay": 5}), "both unique and debounce"),
            (lambda: add.queue(args=[1, 2]), "add(): missing a required argument: 'a'"),
            (
                lambda: add.options(delay=5, scheduled_at="2030-01-01T00:00Z"),
                "say the same: give one of them",
            ),
            (lambda: add.options(delay="1m"), "delay must be a number of seconds or a timedelta, not '1m'"),
            (lambda: add.options(idempotency_key=5), "idempotency_key must be a str, not 5"),
            (lambda: add.options(idempotency_key="k").entry(1, 2), "give it to batch_enqueue"),
            (lambda: add.options(idempotency_key="k", delay=5), "Give scheduled_at"),
            (
                lambda: queue.batch_enqueue([add]),
                "tasks[0] must come from task.entry(...), not be <lapinq task",
            ),
            (lambda: add.options(after=["a"]).queue(1, 2), "in it flow.add(add.options(...), ...)"),
            (lambda: add.options(after=add), "after must be a list of tasks of the workflow, after=[a, b]"),
            (lambda: queue.workflow("w").add(add, 1, 2), "with queue.workflow(...) as flow: flow.add(...)"),
            (lambda: queue.workflow(add), "the name of a workflow must be a str, not <lapinq task"),
            (lambda: queue.batch_enqueue([tasks.add]), "tasks[0] must come from task.entry(...)"),
            (
                lambda: queue.result(None),
                "task_id must be the id of a task, not None, as after an enqueue with",
            ),
            (lambda: queue.result(ref), "task_id must be the id of a task, not a TaskRef: use that one"),
            (lambda: queue.cron(ship), 'cron must be a str such as "0 3 * * *", not <function'),
            (lambda: queue.every(60), 'every must be a str such as "15m", not 60'),
            (lambda: queue.cron("@daily", timezone="UTC"), "'timezone' (did you mean 'tz'?)"),
            (lambda: queue.cron("@daily", unique="k"), "'unique' (overlap=\"skip\" keeps runs apart)"),
            (lambda: queue.cron("@daily", jitter="5m"), "jitter must be a number of seconds, not '5m'"),
            (lambda: queue.cron("@daily", queue_name="mail"), "belong in @queue.task(...) below it"),
            (lambda: Snooze(cast("Any", "5")), "seconds must be a number, not '5'"),
            (lambda: RateLimited("mailer", cast("Any", "5")), "after must be a number of seconds"),
            (
                lambda: verify_webhook(b"{}", {}, cast("Any", None)),
                "secret is empty: `lapinq webhook secret URL`",
            ),
            (lambda: sign_webhook(cast("Any", "{}"), KEY), "body must be the bytes that are sent, not str"),
            (lambda: sign_webhook(b"{}", cast("Any", None)), "secret must be a str, not NoneType"),
            (
                lambda: task(debounce={"key": "k", "delay": "5"}),
                "debounce.delay must be a number of seconds, not '5'",
            ),
            (lambda: add.queue(1), "add(): missing a required argument: 'b'"),
            (lambda: add.queue(1, 2, 3), "add(): too many positional arguments"),
            (lambda: add.queue(1, 2, c=3), "add(): got an unexpected keyword argument 'c'"),
            (lambda: add.queue(1, object()), "add(): argument 'b' cannot be sent as JSON"),
            (lambda: add.options(priorty=1), "a task has no option 'priorty' (did you mean 'priority'?)"),
            (lambda: add.options(retry=[1]), "belong in the decorator"),
            (
                lambda: add.using(5).queue(1, 2),
                "takes a connection of psycopg, SQLAlchemy, asyncpg or Django",
            ),
            (lambda: task(5), "only a function can be a task, not 5"),
            (lambda: task(numbers), "is a generator, and a task has one result: return a list"),
            (lambda: task(Mailer.send), "is a method, and a worker has no object to call it on"),
            (lambda: task(priority="high"), "priority must be an integer, not 'high'"),
            (lambda: add.options(priority=True), "priority must be an integer, not True"),
            (lambda: task(queue_name=5), "queue_name must be a str, not 5"),
            (lambda: task(retry_delay="1m"), "retry_delay must be a number of seconds, not '1m'"),
            (lambda: task(retry_backoff=2), "retry_backoff must be True or False, not 2"),
            (
                lambda: add.options(scheduled_at=60),
                "scheduled_at must be a datetime or an ISO 8601 text, not 60",
            ),
            (lambda: task(metadata=["a"]), "metadata must be a dict, not ['a']"),
            (lambda: add.options(metadata={"a": object()}).queue(1, 2), "metadata cannot be sent as JSON"),
            (lambda: keyed.queue("x"), "ship(): argument 'order': Invalid UUID"),
            (lambda: task(retry="often")(tasks.add), "retry must be FixedDelay, Backoff, Delays or a list"),
            (lambda: queue.cron("@daily")(tasks.add), "missing a required argument"),
            (
                lambda: RetryError(cast("Any", "later")),
                "countdown must be a number of seconds, not 'later': write",
            ),
            (
                lambda: cast("Any", task_module)(tasks.add),
                "lapinq.task is a module: tasks belong to a queue. Write",
            ),
            (lambda: add.queue(1, object()), "of a row or an object of yours, pass its id"),
            (
                lambda: queue.batch_enqueue(entry),
                "a list of entries, [task.entry(...), task.entry(...)], not dict",
            ),
            (lambda: queue.batch_enqueue(5), "[task.entry(...), task.entry(...)], not int"),
            (lambda: queue.batch_enqueue([entry, 5]), "tasks[1] must come from task.entry(...)"),
            (lambda: TaskQueue(url, middleware=cast("Any", [5])), "instances of lapinq.Middleware, not 5"),
        ],
        AttributeError: [
            (
                lambda: queue.enqueue(tasks.add),
                "make the function a task with @queue.task, then enqueue a call with",
            ),
            (
                lambda: queue.send_task("add"),
                "a TaskQueue has no attribute 'send_task': make the function a task",
            ),
            (lambda: queue.nothing, "a TaskQueue has no attribute 'nothing'"),
            (lambda: ref.get(), "a TaskRef has no attribute 'get': use .result()"),
            (lambda: add.s(1, 2), "flow.add(add, ...) puts a call into a workflow; add.entry(...) describes"),
            (lambda: add.submit(1), "use .queue() to enqueue it, here add.queue(...)"),
            (lambda: add.map([1]), "many calls are queue.batch_enqueue([add.entry(...), add.entry(...)])"),
            (lambda: add.enqueue_in(5), "add.options(delay=60).queue(...) starts it later"),
            (lambda: add.apply(1, 2), "add(...) calls the function here"),
            (lambda: add.result(), "add.queue(...) returns a reference that has it: ref.result()"),
            (lambda: add.retry(), "inside the task, raise lapinq.RetryError(seconds)"),
            (lambda: add.name, "use .task_name"),
            (lambda: queue.schedule("@daily"), 'use @queue.cron("0 3 * * *") or @queue.every("15m")'),
            (lambda: queue.chord([]), 'use `with queue.workflow("name") as flow:` and flow.add(task, ...)'),
            (lambda: queue.enqueue_many([]), "use .batch_enqueue([task.entry(...), task.entry(...)])"),
            (lambda: queue.AsyncResult("x"), "use .result(task_id)"),
            (lambda: queue.start(), "`lapinq worker` runs its tasks"),
            (lambda: queue.purge(), "`lapinq queue` has it"),
            (lambda: ref.successful(), "a TaskRef has no attribute 'successful': use .status()"),
            (lambda: ref.value, "a TaskRef has no attribute 'value': use .result()"),
            (lambda: ref.error, 'use .wait()["error"]; .result() raises TaskFailed'),
            (lambda: ref.revoke(), "use .cancel()"),
            (lambda: ref.id, "use .task_id"),
            (lambda: add.delay(1, 2), "use .queue() to enqueue it, here add.queue(...)"),
        ],
        InvalidValue: [
            (lambda: task(retry=Backoff(-1)), "first: must be a number of seconds between 0"),
            (lambda: task(retry=[]), "seconds: must hold at least one number"),
            (
                lambda: task(unique={"key": "k", "until": "done"}),
                'until: must be "started", "finished" or a number',
            ),
            (lambda: task(queue_name="a\nb"), "queue_name: must have printable characters only"),
            (
                lambda: queue.policy("mail", order="fifo"),
                "order: must be one of priority, fair, strict_per_key",
            ),
            (lambda: queue.limit("gpu", rate="5"), 'rate: must be an amount per period, such as "60/m"'),
            (lambda: queue.limit("g pu", max_running=1), "name: must be a name of 1 to 100 ASCII letters"),
            (lambda: sign_webhook(b"{}", "secret"), "secret: must be whsec_ or whroot_ and the base64"),
            (lambda: split.task(tasks.add).queue(1, 2), "api_key: must be one line of ASCII characters"),
            (
                lambda: queue.policy(weights={"gold": 3}),
                "weights: apply in fair order only, and the order is priority: set it to fair too",
            ),
            (lambda: task(max_retries=-1), "max_retries: must be between 0 and 100"),
            (lambda: add.options(max_retries=1000), "max_retries: must be between 0 and 100"),
            (lambda: task(queue_name=""), "queue_name: must have 1 to 255"),
            (lambda: task(webhook_url="localhost"), "webhook_url: must be an http or https URL with a host"),
            (
                lambda: task(scheduled_at="tomorrow"),
                "must be an ISO 8601 time such as 2030-01-31T12:00:00Z, not",
            ),
            (
                lambda: add.options(scheduled_at="2030-01-31T12:00:00"),
                "has no time zone: add Z for UTC, or the offset",
            ),
            (
                lambda: add.options(scheduled_at=naive),
                "2030-01-31 12:00 has no time zone: write at.astimezone() if",
            ),
            (lambda: add.options(scheduled_at="2300-01-31T12:00Z"), "within a hundred years"),
            (lambda: queue.batch_enqueue([{**entry, "scheduled_at": naive}]), "has no time zone"),
            (lambda: add.options(countdown=-1), "countdown: must be between 0 and 315576000 seconds"),
            (lambda: add.options(ttl_seconds=-1), "ttl_seconds: must be a number of seconds between 0"),
            (lambda: task(retry=[-1])(tasks.add), "must be a number of seconds between 0"),
            (lambda: queue.cron("61 * * * *")(tasks.noop), "minute '61': allowed are 0-59"),
            (lambda: queue.cron("@daily", tz="Europe/Madird")(tasks.noop), "such as Europe/Madrid"),
            (lambda: queue.every("often")(tasks.noop), "such as 15m or 1h30m"),
        ],
        TaskNotImportable: [
            (lambda: task(local()), "defined inside local(), where no worker can find it"),
            (lambda: task(lambda: None), "a lambda has no name by which a worker finds it"),
            (lambda: task("inner")(local()).queue(), "defined inside local(), where no worker can find it"),
        ],
        RequestRefused: [
            (
                lambda: queue.batch_enqueue([entry, {**entry, "priorty": 1}]),
                "[1].priorty is not a known field (did you mean 'priority'?)",
            ),
            (lambda: queue.result("nope"), "id must be a task id such as"),
            (
                lambda: queue.result("01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11"),
                "Perhaps the transaction that enqueues it has not committed yet, or it was deleted",
            ),
            (
                lambda: add.options(limits={"mialer": 1}).queue(1, 2),
                "limits.mialer is not a limit that exists (did you mean 'mailer'?)",
            ),
            (
                lambda: add.options(limits={"tpu": 1}).queue(1, 2),
                "limits.tpu is not a limit that exists; `lapinq limit set tpu --max-running 10` creates it",
            ),
        ],
        ServerUnavailable: [
            (lambda: away.task(tasks.add).queue(1, 2), "no answer from http://127.0.0.1:1"),
        ],
    }


@pytest.mark.parametrize("kind", mistakes("postgresql://h/d"))
def test_calls_that_cannot_be(in_use: str, kind: type[Exception]) -> None:
    check_calls(kind, mistakes(plain_url(in_use))[kind])
