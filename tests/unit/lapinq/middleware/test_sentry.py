"""Failures in Sentry, read from the SDK's transport."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from lapinq import Cancel, RetryError, Snooze, TimeLimit
from lapinq.middleware.sentry import Sentry
from lapinq_core.domain.errors import Suspend
from lapinq_core.domain.tasks.diagnostics.task_lines import TASKS, log_end
from tests.unit.lapinq.middleware.attempts import araising, attempt, raising
from tests.unit.lapinq_worker.claims import make_claim


class Kept(Transport):
    """Keeps the events instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.events.append(envelope.get_event())


@pytest.fixture
def integrations() -> bool:
    """Whether Sentry's own are there, such as the one that reads logs."""
    return False


@pytest.fixture
def events(integrations: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    # Sentry replaces it, and never puts it back.
    monkeypatch.setattr(logging.Logger, "callHandlers", logging.Logger.callHandlers)
    kept = Kept()
    sentry_sdk.init(
        "http://key@127.0.0.1:9/1",
        transport=kept,
        default_integrations=integrations,
        auto_enabling_integrations=False,
    )
    yield kept.events
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


@pytest.mark.parametrize("make", [raising, araising])
def test_a_failure_is_captured_with_what_it_was_of(make: Any, events: list[Any]) -> None:
    with pytest.raises(ValueError, match="no good"):
        attempt(make(ValueError("no good")), Sentry(), id="7", attempt=2)
    with pytest.raises(TimeLimit):
        attempt(raising(TimeLimit(3)), Sentry())
    event, limit = events
    assert event["transaction"] == "work"
    assert event["tags"] == {
        "lapinq.task": "work",
        "lapinq.task_id": "7",
        "lapinq.queue": "video",
        "lapinq.attempt": 2,
    }
    [exception] = event["exception"]["values"]
    assert (exception["type"], exception["value"]) == ("ValueError", "no good")
    assert limit["exception"]["values"][0]["type"] == "TimeLimit"


def test_what_one_task_sets_does_not_show_with_another(events: list[Any]) -> None:
    def tagging() -> None:
        sentry_sdk.set_tag("mine", "yes")
        sentry_sdk.add_breadcrumb(message="was here")
        raise ValueError

    for function in (tagging, raising(KeyError())):
        with pytest.raises((ValueError, KeyError)):
            attempt(function, Sentry())
    first, second = events
    assert first["tags"]["mine"] == "yes"
    assert "mine" not in second["tags"]
    assert len(first["breadcrumbs"]["values"]) == 1
    assert not second.get("breadcrumbs", {}).get("values")


def test_success_and_what_a_task_asks_for_are_not_captured(events: list[Any]) -> None:
    assert attempt(lambda: 5, Sentry()) == 5
    for error in (RetryError(3), Snooze(3), Suspend("x"), Cancel("x"), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            attempt(raising(error), Sentry())
    assert events == []


@pytest.mark.parametrize("integrations", [True])
def test_a_workers_line_on_a_failure_is_no_second_event(events: list[Any]) -> None:
    Sentry()
    log_end(TASKS, logging.ERROR, make_claim(), "failed", outcome="failed", seconds=0.1, error="no")
    logging.getLogger("shop").error("the till is open")
    assert [event["logger"] for event in events] == ["shop"]
