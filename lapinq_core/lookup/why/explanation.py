"""Explains in a sentence where a task is: why it is not running, or how it ended, and what to do about it.

For programs and terminals. The dashboard words the same reasons with links, in the reader's language.
"""

import shlex
from datetime import UTC, datetime
from typing import Annotated, NamedTuple, assert_never

import msgspec
import psycopg

from lapinq_core.db.rows import maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.counted import counted
from lapinq_core.domain.limits.breaker import next_try, why_open
from lapinq_core.domain.requests.values import Id, doc
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.search.backward_scan import SETTINGS
from lapinq_core.lookup.why.block_words import (
    before_it,
    doubled,
    in_words,
    rate,
    seconds,
    words_of_key,
    words_of_limit,
)
from lapinq_core.lookup.why.blocking import (
    KeyFull,
    KeyOrder,
    KeyRate,
    LimitClosed,
    LimitFull,
    LimitShort,
    LimitTooSmall,
    LimitUsed,
    QueueFull,
    QueueRate,
)
from lapinq_core.lookup.why.why_not_running import (
    AllBusy,
    AllQuiet,
    BreakerOpen,
    CancelRequested,
    CannotImport,
    Expiring,
    FairTurn,
    InLine,
    Isolated,
    NotDue,
    NoWorker,
    OtherVersion,
    Parents,
    QueuePaused,
    Reason,
    Wait,
    Waits,
    WorkerDead,
    WorkerLate,
    WorkerVersion,
    find_reason,
    is_import_error,
)

sql = sql_of(__name__)
_MAX_ERROR = 200


class Explanation(msgspec.Struct, frozen=True):
    """Why a task has its status, and what to do about it."""

    id: Id
    status: Status
    kind: Annotated[
        str, doc("The reason as a code for programs, such as `no_worker`; the status if there is no other.")
    ]
    why: Annotated[str, doc("The reason as a sentence for people.")]
    remedy: Annotated[str | None, doc("What to do; null if there is nothing to do.")]


async def explain(
    conn: psycopg.AsyncConnection, task_id: str, *, names_parents: bool = True
) -> Explanation | None:
    """Explains the task; None for an unknown id. As `find_reason`."""
    async with conn.transaction():
        await conn.execute(SETTINGS)  # one snapshot for both statements
        reason = await find_reason(conn, task_id, names_parents=names_parents)
        row = await maybe_row(conn, sql("whereabouts"), {"id": task_id}, prepare=False)
    if row is None:
        return None
    found = _Whereabouts(Status(row[0]), *row[1:])
    if reason is None:
        return Explanation(task_id, found.status, found.status, *_of_status(task_id, found))
    return Explanation(task_id, found.status, str(reason.__struct_config__.tag), *words(reason))


class _Whereabouts(NamedTuple):
    status: Status
    attempts: int
    error: str | None
    started_at: datetime | None
    completed_at: datetime | None
    worker: str | None
    workflow_id: str | None
    has_cause: bool


def words(reason: Reason) -> tuple[str, str | None]:
    """A sentence for the reason, and what to do about it, if anything."""
    match reason:
        case Expiring(expires_at, due_at):
            if due_at is None:
                return f"Its time to live ended {_at(expires_at)}, so it will never start.", _EXPIRED_REMEDY
            return (
                f"Its time to live ends {_at(expires_at)}, before it is due {_at(due_at)}, so it will never start.",
                "Enqueue it again with a longer ttl_seconds.",
            )
        case NotDue(due_at, True, last_error):
            return f"Its last attempt failed{_error(last_error)}. The next one is due {_at(due_at)}.", None
        case NotDue(due_at, _, None):
            return f"It is scheduled for {_time(due_at)}.", None
        case NotDue(due_at, _, _):
            return f"It snoozed until {_time(due_at)}.", None
        case Waits(task_id, first, count, unexpected):
            return _waiting(first, count) + _unexpected(unexpected), _wait_remedy(task_id, first[0])
        case OtherVersion(task_id, needed, able, others, due_at):
            return _versions(needed, able, others, due_at), (
                None
                if able
                else f"Start a worker with {_version(needed)} of the function, or run it again from its beginning:"
                f" lapinq task rerun {task_id}"
            )
        case Parents(count, []):
            return f"It waits for {counted(count, 'task')} of its workflow.", None
        case Parents(count, first):
            named = ", ".join(f"{one.ref} ({one.status})" for one in first)
            more = "" if count == len(first) else f" and {count - len(first)} more"
            return (
                f"It waits for {counted(count, 'task')} of its workflow: {named}{more}.",
                f"See why the first one waits: lapinq task why {first[0].id}",
            )
        case CannotImport(module, last_error, due_at):
            again = "" if due_at is None else f" The next attempt is due {_at(due_at)}."
            return (
                f"Its worker could not find the function or import the module {module}{_error(last_error)}.{again}",
                _IMPORT_REMEDY,
            )
        case QueuePaused(by, at, why):
            return (
                f"Its queue was paused{'' if by is None else f' by {by}'} {_at(at)}"
                + (f" (reason: {why})." if why else "."),
                "Resume the queue to let it run.",
            )
        case NoWorker(queue):
            return f"No live worker serves the queue {queue!r}.", f"Start one: {_start(queue)}"
        case AllQuiet(queue, 1):
            return (
                f"The only worker of the queue {queue!r} is quiet.",
                f"Resume it, or start another: {_start(queue)}",
            )
        case AllQuiet(queue, workers):
            return (
                f"All {workers} workers of the queue {queue!r} are quiet.",
                f"Resume one, or start another: {_start(queue)}",
            )
        case KeyOrder() | KeyFull() | KeyRate():
            return words_of_key(reason)
        case LimitClosed() | LimitFull() | LimitUsed() | LimitShort() | LimitTooSmall():
            return words_of_limit(reason)
        case BreakerOpen(queue, since, failures, attempts, window, tries_at, probe, None):
            return (
                f"The circuit breaker of its queue is open since {_time(since)}, after"
                f" {why_open(failures, attempts, window)}. {next_try(tries_at, probe)}",
                "Fix what its tasks need. Then wait, or close the breaker:"
                f" lapinq queue close-breaker {shlex.quote(queue)}",
            )
        case BreakerOpen(_, since, failures, attempts, window, tries_at, probe, task):
            return (
                f"It waits for the circuit breaker of the task {task!r}, open since {_time(since)}, after"
                f" {why_open(failures, attempts, window)}. {next_try(tries_at, probe)}",
                "Fix what these tasks need. Then wait, or close the breaker:"
                f" lapinq breaker close {shlex.quote(str(task))}",
            )
        case QueueFull(running, max_running, ahead, queue):
            return (
                f"Its queue is at its limit: {running} running, at most {max_running} allowed. {in_words(ahead)}",
                "Wait for one to end, or allow more, for example:"
                f" lapinq queue set {shlex.quote(queue)} --max-running {max_running + 1}",
            )
        case QueueRate(limit, period, burst, opens_in, queue, ahead):
            return (
                f"Its queue starts at most {rate(limit, period)}. The next may start in {seconds(opens_in)}."
                f" {in_words(ahead)}",
                "Wait, or raise the rate, for example:"
                f" lapinq queue set {shlex.quote(queue)} --rate {doubled(limit, period, burst)}",
            )
        case AllBusy(running, slots, ahead):
            return (
                f"All workers of its queue are busy ({running} of {slots} slots in use). {in_words(ahead)}",
                "Start more workers, or raise their concurrency.",
            )
        case Isolated(_, ahead):
            return (
                "Its last attempt may have crashed its process, so it waits for a process of its own."
                f" {in_words(ahead)}",
                None,
            )
        case FairTurn(before, ahead):
            return f"Its queue shares starts among keys. {before_it(before)} {in_words(ahead)}", None
        case InLine(ahead):
            return f"It waits for its turn. {in_words(ahead)}", None
        case WorkerDead(worker_id, name, _):
            return (
                f"Its worker {name or worker_id} is dead. Any live worker moves the task to another within seconds.",
                "Start a worker if there is none.",
            )
        case WorkerLate(_, name, beat_at, dead_after):
            return (
                f"Its worker {name} last sent a heartbeat {_at(beat_at)}. If it stays silent, the task moves to"
                f" another worker after {_time(dead_after)}.",
                None,
            )
        case CancelRequested(at):
            return (
                f"Its worker was asked to stop it {_at(at)}. It ends as cancelled unless it completes first.",
                None,
            )
        case _:
            assert_never(reason)


def _waiting(first: list[Wait], count: int) -> str:
    told = "; ".join(map(_wait, first))
    more = "" if count == len(first) else f"; and {count - len(first)} more"
    return f"It {told}{more}."


def _unexpected(names: list[str]) -> str:
    if not names:
        return ""
    return f" Signals have come that it does not wait for: {', '.join(map(repr, names))}."


def _wait(one: Wait) -> str:
    since = f" since {_time(one.since)}"
    until = "" if one.until is None else f", at most until {_time(one.until)}"
    match one.kind:
        case "sleep":
            return f"sleeps{since}" + ("" if one.until is None else f", until {_time(one.until)}")
        case "signal":
            return f"waits for the signal {' or '.join(map(repr, one.signals))}{since}{until}"
        case "task" if one.child_id is None:
            return f"waits for the end of another task{since}{until}"
        case "task":
            return f"waits for the end of the task {one.child_id} ({one.child_status}){since}{until}"
        case _:
            assert_never(one.kind)


def _wait_remedy(task_id: str, one: Wait) -> str | None:
    match one.kind:
        case "sleep":
            return None
        case "signal":
            return (
                f"Send it, with a value in JSON: lapinq task signal {task_id} {shlex.quote(one.signals[0])}"
            )
        case "task":
            return (
                None
                if one.child_id is None
                else f"See why that one has not ended: lapinq task why {one.child_id}"
            )
        case _:
            assert_never(one.kind)


def _versions(needed: str | None, able: int, others: list[WorkerVersion], due_at: datetime | None) -> str:
    has = ", ".join(f"{one.worker} has {_version(one.version)}" for one in others)
    again = "" if due_at is None else f" The next attempt is due {_at(due_at)}."
    if not able:
        return f"Its steps are of {_version(needed)} of its function, which no live worker has: {has}.{again}"
    told = f": {has}" if has else ""
    return f"Its last worker did not have {_version(needed)} of its function, which its steps are of{told}.{again}"


def _version(version: str | None) -> str:
    return "the one without a version" if version is None else f"version {version}"


def _of_status(task_id: str, found: _Whereabouts) -> tuple[str, str | None]:
    """The same for a task that runs as it should, or has ended."""
    ended = "" if found.completed_at is None else f" {_at(found.completed_at)}"
    match found.status:
        case Status.PENDING:  # about to be promoted
            return "It is due and waits for its turn.", None
        case Status.RUNNING:
            since = "" if found.started_at is None else f" since {_time(found.started_at)}"
            return f"Worker {found.worker} runs it{since} (attempt {found.attempts}).", None
        case Status.COMPLETED:
            return f"It completed{ended}.", None
        case Status.FAILED:
            cause = _IMPORT_REMEDY[:-1] if is_import_error(found.error) else "Fix the cause"
            again = (
                f"run it again: lapinq task requeue {task_id}"
                if found.workflow_id is None
                else f"run it and what waits for it again: lapinq workflow retry {found.workflow_id}"
            )
            return (
                f"It failed{ended} after {counted(found.attempts, 'attempt')}{_error(found.error)}.",
                f"{cause}, then {again}",
            )
        case Status.CANCELLED if found.has_cause:
            return (
                f"It was cancelled{ended}{_error(found.error)}.",
                f"Fix the cause there, then run both again: lapinq workflow retry {found.workflow_id}",
            )
        case Status.CANCELLED:
            return f"It was cancelled{ended}.", f"Enqueue it again: lapinq task rerun {task_id}"
        case Status.EXPIRED:
            return (
                f"Its time to live ended before it started, so it expired{ended}.",
                _EXPIRED_REMEDY,
            )
        case _:
            assert_never(found.status)


_EXPIRED_REMEDY = "Enqueue it again with a longer ttl_seconds, or add workers."
_IMPORT_REMEDY = (
    "Put the module where the workers run and restart them, or enqueue the task under the right name."
)


def _start(queue: str) -> str:
    return f"lapinq worker --queue {shlex.quote(queue)}"


def _at(moment: datetime) -> str:
    return f"at {_time(moment)}"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _error(error: str | None) -> str:
    """The first line of an error, in brackets. A long one ends after a whole word."""
    lines = (error or "").splitlines()
    if not lines:
        return ""
    first = lines[0]
    if len(first) > _MAX_ERROR:
        words = first[: _MAX_ERROR + 1].rpartition(" ")[0].rstrip(" ,;")
        first = f"{words} …" if len(words) > _MAX_ERROR // 2 else f"{first[:_MAX_ERROR]}…"
    return f" ({first})"
