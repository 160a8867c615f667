"""Tasks in the application context of a Flask application."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask, current_app, g, has_app_context

from lapinq import TaskQueue
from lapinq.contrib.flask import AppContext
from lapinq.testing import InlineTasks
from tests.unit.lapinq.middleware.attempts import attempt


def app_called(name: str) -> Flask:
    app = Flask(name)

    @app.teardown_appcontext
    def closed(error: BaseException | None) -> None:
        ended.append(f"{name}: {error!r}")

    return app


ended: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_ended() -> None:
    ended.clear()


async def acurrent() -> str:
    return current_app.name


def current() -> str:
    return current_app.name


@pytest.mark.parametrize("function", [current, acurrent])
def test_a_task_runs_in_a_context_that_ends_with_it(function: Callable[[], Any]) -> None:
    assert attempt(function, AppContext(app_called("shop"))) == "shop"
    assert ended == ["shop: None"]
    assert not has_app_context()


def test_a_failure_reaches_what_flask_tears_down() -> None:
    def fail() -> None:
        raise ValueError("no good")

    with pytest.raises(ValueError, match="no good"):
        attempt(fail, AppContext(app_called("shop")))
    assert ended == ["shop: ValueError('no good')"]


def test_a_function_makes_the_application_once_and_not_before_the_first_task() -> None:
    made: list[Flask] = []
    both = threading.Barrier(2)

    def make() -> Flask:
        made.append(app_called("shop"))
        return made[-1]

    def meeting() -> str:
        both.wait(10)
        return current()

    context = AppContext(make)
    assert made == []
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(attempt, [meeting] * 2, [context] * 2)) == ["shop", "shop"]
    assert len(made) == 1


def test_a_task_that_runs_in_a_context_uses_that(lapinq_inline: InlineTasks) -> None:
    queue = TaskQueue(middleware=[AppContext(lambda: pytest.fail("made another application"))])
    with app_called("test").app_context():
        g.user = "me"
        assert queue.task(user).queue().result() == "me"
    assert ended == ["test: None"]


def user() -> str:
    return g.user
