"""In tests of user code: what is wrong is raised where it is written."""

from collections.abc import Callable
from typing import Any

from lapinq import LapinqError, TaskQueue, testing
from lapinq.errors import InvalidValue
from lapinq.testing import captured
from tests.integration.lapinq.mistakes.mistake import check_calls
from tests.support.sample import tasks


def mistakes(
    found: Any, add: Any, running: Any
) -> dict[type[Exception], list[tuple[Callable[[], object], str]]]:
    """`found` are the tasks that `captured` has, `add` a task that was enqueued once, with 1 and 2, `running`
    the current task."""
    kit: Any = testing
    return {
        AssertionError: [
            (lambda: kit.crash_everywhere(add, 1, 2), "has no steps or waits at which it could crash"),
            (lambda: found.assert_enqueued("ad"), "ad was not enqueued.\nEnqueued, in this order:"),
            (lambda: found.assert_enqueued(add, args=[1]), "add(1) was not enqueued."),
            (lambda: found.assert_enqueued(add, times=2), "was enqueued once, not 2 times."),
            (lambda: found.assert_enqueued(add, queue="mial"), "not enqueued in queue 'mial'."),
        ],
        TypeError: [
            (lambda: found.assert_enqueued(add, args=1), "args must be a list of the positional arguments"),
            (
                lambda: found.assert_enqueued(add, kwargs=[1]),
                "kwargs must be a dict of the keyword arguments",
            ),
            (
                lambda: kit.DatabaseWorker("postgresql://h/d"),
                "takes what database() or lapinq_database gives",
            ),
            (lambda: found.assert_enqueued(tasks.add), "task must be a task or the name of one, not"),
            (lambda: found.assert_enqueued(add, args="ab"), "args must be a list of the positional"),
            (lambda: found.assert_enqueued(add, arg=[1]), "unexpected keyword argument 'arg'"),
            (lambda: kit.inline(raise_failure=True), "unexpected keyword argument 'raise_failure'"),
            (lambda: kit.running_as(attmpt=2), "unexpected keyword argument 'attmpt'"),
            (lambda: kit.travel("1h"), "travel() takes a number of seconds, not '1h'"),
            (
                lambda: kit.crash_everywhere(tasks.add, 1, 2),
                "crash_everywhere() takes a task and the arguments",
            ),
            (lambda: kit.crash_everywhere(add, 1, 2, signals="approved"), "signals must be a dict of values"),
        ],
        AttributeError: [
            (lambda: found.assert_not_enqueued(add), "write .assert_enqueued(task, times=0)"),
            (lambda: found.drain(), "captured() runs nothing; inline() does"),
            (lambda: found.tasks, "iterate over it, or take one by its index"),
            (lambda: running.retry(), "raise lapinq.RetryError(seconds)"),
            (lambda: running.task_id, "the current task has no attribute 'task_id': use .id"),
            (lambda: running.update_progress(5), "use .progress(percent, message)"),
        ],
        InvalidValue: [
            (lambda: running.progress(150), "percent: must be a number between 0 and 100"),
            (lambda: running.spend("mailer", -1), "units: must be a number between 0 and"),
        ],
        LapinqError: [
            (lambda: add.queue(1, 2).result(), "To wait for results, run tasks with inline()"),
            (lambda: kit.travel(1), "neither is active"),
            (
                lambda: running.wait_for_signal("approved"),
                "call signal(name, value) on what running_as() gives",
            ),
        ],
        ValueError: [
            (lambda: kit.travel(-1), "time passes forward only"),
        ],
    }


def test_tests_that_cannot_be() -> None:
    with captured() as found, testing.running_as() as running:
        add = TaskQueue("http://127.0.0.1:1").task(tasks.add)
        add.queue(1, 2)
        for kind, calls in mistakes(found, add, running).items():
            check_calls(kind, calls)
