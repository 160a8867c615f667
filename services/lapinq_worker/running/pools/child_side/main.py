"""The program of a child process: `python -m lapinq_worker.running.pools.child_side.main SOCKET PARENT PAGE`.

It calls functions, one at a time, and uses no database unless a function asks for a transaction. It ends when the
worker closes the socket. The kernel kills it when the worker dies, so that no code goes on whose outcome nobody waits
for.
"""

import asyncio
import contextlib
import ctypes
import importlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from lapinq_core.domain.tasks.diagnostics.task_lines import TASKS, log_start
from lapinq_core.domain.tasks.outcome import Committed, Completed, Outcome, Unstarted, Unstorable
from lapinq_core.importing import load_middleware
from lapinq_core.runtime.logs import configure_logging
from lapinq_worker.running.job import Target
from lapinq_worker.running.outcomes import raised
from lapinq_worker.running.pools.calling import AROUND_THE_FUNCTION, call
from lapinq_worker.running.pools.child_side.attempt import ChildAttempt, WorkerLink
from lapinq_worker.running.pools.child_side.channel import SENDING, Channel
from lapinq_worker.running.pools.child_side.frames import Call, Greeting, Ready, Report, reportable
from lapinq_worker.running.pools.child_side.incoming import Incoming
from lapinq_worker.running.pools.child_side.shared_page import SharedPage
from lapinq_worker.running.pools.child_side.stop_signals import FORK_HOOKS, leave_stopping_to_parent
from lapinq_worker.running.pools.child_side.time_limit_signal import TimeLimitSignal
from lapinq_worker.running.targets import load_target

if TYPE_CHECKING:
    from lapinq_worker.running.pools.child_side.sampler import Sampler

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Takes the file descriptors of socket and page, and the process id of the worker, as arguments."""
    connection, parent, page = map(int, sys.argv[1:4])
    _die_with_parent(parent)
    with socket.socket(fileno=connection) as opened:
        opened.setblocking(True)
        opened.set_inheritable(False)
        channel = Channel(opened)
        leave_stopping_to_parent(channel.forked)
        shared = SharedPage(page)
        os.close(page)
        try:
            _serve(channel, shared)
        except BaseException:
            # Print it here: once the socket is closed the worker kills this process.
            traceback.print_exc()
            raise


def _serve(channel: Channel, page: SharedPage) -> None:
    incoming = Incoming(channel)
    greeting = incoming.greeting()
    if greeting is None:
        return
    caller = _Caller(greeting, channel, incoming, page)
    channel.send(Ready())
    process = os.getpid()
    while (asked := incoming.next_call()) is not None:
        report = caller.call(asked)
        if os.getpid() != process:
            os._exit(1)  # a fork that the function did not end: the original reports
        channel.send(report)
        if report.is_last:
            return


class _Caller:
    def __init__(self, greeting: Greeting, channel: Channel, incoming: Incoming, page: SharedPage) -> None:
        self._greeting = greeting
        self._page = page
        self._time_limit = TimeLimitSignal(page, AROUND_THE_FUNCTION | FORK_HOOKS | {SENDING})
        self._time_limit.install()
        self._link = WorkerLink(
            channel,
            incoming,
            page,
            self._time_limit,
            database_url=greeting.database_url,
            max_payload_size=greeting.max_payload_size,
        )
        self._targets: dict[tuple[str, str], Target] = {}
        self._number = 0
        configure_logging(greeting.log_level, as_json=greeting.json_log)
        sys.path[:] = greeting.sys_path
        _import(greeting.imports)
        self._middleware = load_middleware(greeting.middleware)

    def call(self, asked: Call) -> Report:
        self._number = number = self._number + 1
        started = time.perf_counter_ns()
        if not self._page.begin(number, started):
            return Report(Unstarted(), 0.0, call=number)
        self._time_limit.arm(number, asked.details.time_limit)
        key = (asked.module_path, asked.task_name)
        target = self._targets.get(key)
        if target is None:
            self._page.load(number)
            target = self._load(*key)
            started = time.perf_counter_ns()
            self._page.loaded(started)
        found = target if isinstance(target, Target) else None
        attempt = ChildAttempt(self._link, number, asked, found, started / 1e9)
        sampler = _sampler() if asked.details.profile else None
        with sampler or nullcontext():
            outcome = attempt.end(self._outcome(target, asked, attempt))
        if attempt.is_committed and isinstance(outcome, Completed):
            outcome = Committed()
        seconds = (time.perf_counter_ns() - started) / 1e9
        # `TimeLimit` may have left a lock taken or a program running: this process ends with the call.
        is_last = self._time_limit.told == number and not isinstance(
            outcome, Completed | Unstorable | Committed
        )
        profile = None if sampler is None else sampler.result()
        return Report(
            reportable(outcome),
            seconds,
            attempt.last_progress,
            attempt.is_committed,
            is_last,
            number,
            profile,
        )

    def _outcome(self, target: Target | Outcome, asked: Call, attempt: ChildAttempt) -> Outcome:
        if not isinstance(target, Target):
            return target
        if target.log is not None:
            log_start(target.log, attempt)
        return call(
            target,
            asked.arguments,
            attempt,
            self._greeting.max_result_size,
            self._time_limit,
        )

    def _load(self, module_path: str, task_name: str) -> Target | Outcome:
        try:
            log = TASKS if self._greeting.logs_tasks else None
            target = load_target(
                module_path, task_name, self._greeting.allowed_modules, self._middleware, log
            )
        except BaseException as error:  # noqa: BLE001  # user code: importing a module runs it
            return raised(error)
        if target.is_coroutine:
            target.function = _to_its_end(target.function)
        self._targets[module_path, task_name] = target
        return target


def _sampler() -> "Sampler":
    # Imported only for a task to be profiled.
    from lapinq_worker.running.pools.child_side.sampler import Sampler

    return Sampler(AROUND_THE_FUNCTION)


def _to_its_end(function: Callable[..., Any]) -> Callable[..., Any]:
    # A function that is marked as a coroutine function may return any awaitable.
    async def arun(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return await function(*args, **kwargs)

    def run(*args: Any, **kwargs: Any) -> Any:
        return asyncio.run(arun(args, kwargs))

    run.__wrapped__ = function  # pyright: ignore[reportFunctionMemberAccess]
    return run


def _import(modules: Sequence[str]) -> None:
    for module in modules:
        # A module that fails here fails again, and is reported, when a task needs it.
        with contextlib.suppress(BaseException):
            importlib.import_module(module)


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the worker is gone")


if __name__ == "__main__":
    main()
