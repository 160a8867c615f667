"""Traces, read from the SDK's own exporter."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from lapinq import AsyncTaskQueue, Cancel, Middleware, RetryError, Snooze, TaskQueue, TimeLimit
from lapinq.errors import RequestRefused, ServerUnavailable
from lapinq.middleware.opentelemetry import METADATA_KEY, OpenTelemetry
from tests.unit.lapinq.conftest import TASK_ID, Script
from tests.unit.lapinq.middleware.attempts import araising, attempt, raising


class Traces:
    def __init__(self) -> None:
        self.provider = TracerProvider()
        self._exporter = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())


@pytest.fixture
def traces() -> Iterator[Traces]:
    made = Traces()
    yield made
    made.provider.shutdown()


def work() -> None: ...


def send_one(url: str, middleware: OpenTelemetry, **options: Any) -> None:
    with TaskQueue(url, "video", timeout=0.5, middleware=[middleware]) as queue:
        queue.task(work).options(**options).queue()


def carried(server: Script) -> dict[str, Any]:
    """The metadata of the only task that was sent."""
    [request] = server.requests
    return request.json["metadata"]


def test_an_enqueue_is_a_producer_span(server: Script, traces: Traces) -> None:
    send_one(server.url, OpenTelemetry(traces.provider))
    [span] = traces.spans()
    assert (span.name, span.kind, span.status.status_code) == (
        "send video",
        SpanKind.PRODUCER,
        StatusCode.UNSET,
    )
    assert dict(span.attributes or {}) == {
        "messaging.system": "lapinq",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "video",
        "messaging.message.id": TASK_ID,
        "lapinq.task.name": "work",
    }
    parent = carried(server)[METADATA_KEY]["traceparent"]
    assert span.context
    assert parent.startswith(f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-")


def test_other_metadata_stays_and_the_options_of_the_task_are_left_alone(
    server: Script, traces: Traces
) -> None:
    metadata = {"team": "video"}
    send_one(server.url, OpenTelemetry(traces.provider), metadata=metadata)
    assert carried(server)["team"] == "video"
    assert METADATA_KEY in carried(server)
    assert metadata == {"team": "video"}


def test_an_attempt_is_a_consumer_span_in_the_trace_of_its_enqueue(server: Script, traces: Traces) -> None:
    middleware = OpenTelemetry(traces.provider)
    with traces.provider.get_tracer("app").start_as_current_span("request") as request:
        send_one(server.url, middleware)
    inner: list[trace.Span] = []

    def function() -> int:
        inner.append(trace.get_current_span())
        return 5

    assert attempt(function, middleware, metadata=carried(server), id="7", attempt=2) == 5
    sent, _, run = traces.spans()
    assert sent.context
    assert run.context
    assert run.parent
    assert run.context.trace_id == sent.context.trace_id == request.get_span_context().trace_id
    assert run.parent.span_id == sent.context.span_id
    assert inner[0].get_span_context() == run.context
    assert (run.name, run.kind, run.status.status_code) == (
        "process video",
        SpanKind.CONSUMER,
        StatusCode.UNSET,
    )
    assert dict(run.attributes or {}) == {
        "messaging.system": "lapinq",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "video",
        "messaging.message.id": "7",
        "lapinq.task.name": "work",
        "lapinq.task.attempt": 2,
        "lapinq.task.outcome": "completed",
    }


def test_an_attempt_can_be_linked_instead(server: Script, traces: Traces) -> None:
    send_one(server.url, OpenTelemetry(traces.provider))
    attempt(work, OpenTelemetry(traces.provider, link=True), metadata=carried(server))
    sent, run = traces.spans()
    assert run.parent is None
    assert [link.context.span_id for link in run.links] == [sent.context.span_id if sent.context else 0]


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {METADATA_KEY: None},
        {METADATA_KEY: {"traceparent": 5}},
        {METADATA_KEY: {"traceparent": "nonsense"}},
        {METADATA_KEY: ["traceparent"]},
    ],
)
def test_a_task_that_brings_no_trace_begins_one(metadata: dict[str, Any] | None, traces: Traces) -> None:
    attempt(
        work, OpenTelemetry(traces.provider), OpenTelemetry(traces.provider, link=True), metadata=metadata
    )
    assert [(span.parent, span.links) for span in traces.spans()] == [(None, ()), (None, ())]


@pytest.mark.parametrize("make", [raising, araising])
def test_a_failure_is_an_error_with_its_exception(make: Any, traces: Traces) -> None:
    with pytest.raises(ValueError, match="no good"):
        attempt(make(ValueError("no good")), OpenTelemetry(traces.provider))
    [span] = traces.spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError: no good")
    assert span.attributes
    assert (span.attributes["error.type"], span.attributes["lapinq.task.outcome"]) == ("ValueError", "failed")
    [event] = span.events
    assert event.attributes
    assert event.attributes["exception.message"] == "no good"


@pytest.mark.parametrize(
    ("error", "outcome", "status"),
    [
        (RetryError(3), "retry", StatusCode.UNSET),
        (Snooze(3), "snoozed", StatusCode.UNSET),
        (Cancel("x"), "cancelled", StatusCode.UNSET),
        (asyncio.CancelledError(), "stopped", StatusCode.UNSET),
        (TimeLimit(3), "timed out", StatusCode.ERROR),
    ],
)
def test_what_a_task_asks_for_is_no_error(
    error: BaseException, outcome: str, status: StatusCode, traces: Traces
) -> None:
    with pytest.raises(type(error)):
        attempt(raising(error), OpenTelemetry(traces.provider))
    [span] = traces.spans()
    assert span.attributes
    assert (span.attributes["lapinq.task.outcome"], span.status.status_code) == (outcome, status)


def test_a_refusal_and_a_missing_answer_are_errors(server: Script, nobody: str, traces: Traces) -> None:
    server.answer(400, {"error": "no"})
    with pytest.raises(RequestRefused):
        send_one(server.url, OpenTelemetry(traces.provider))
    with pytest.raises(ServerUnavailable):
        send_one(nobody, OpenTelemetry(traces.provider))
    refused, lost = traces.spans()
    assert refused.attributes
    assert (refused.attributes["error.type"], refused.status.status_code) == ("400", StatusCode.ERROR)
    assert lost.status.status_code == StatusCode.ERROR


def test_a_batch_is_one_span_whose_tasks_all_belong_to_it(server: Script, traces: Traces) -> None:
    server.answer(201, {"task_ids": ["1", "2"]})
    entries = [{"task_name": "a"}, {"task_name": "b", "queue_name": "mail"}]

    async def enqueue() -> None:
        async with AsyncTaskQueue(server.url, middleware=[OpenTelemetry(traces.provider)]) as queue:
            await queue.batch_enqueue(entries)

    asyncio.run(enqueue())
    [span] = traces.spans()
    assert span.name == "send"
    assert span.attributes
    assert span.attributes["messaging.batch.message_count"] == 2
    [request] = server.requests
    parents = [entry["metadata"][METADATA_KEY]["traceparent"] for entry in request.json]
    assert parents[0] == parents[1]
    assert "metadata" not in entries[0]


def test_without_an_sdk_nothing_is_sent_along_and_all_goes_on(server: Script) -> None:
    send_one(server.url, OpenTelemetry())
    [request] = server.requests
    assert "metadata" not in request.json
    assert attempt(lambda: 5, OpenTelemetry()) == 5


@pytest.mark.parametrize("metadata", [[], ["a"], "text", "", 0, 5, False])
def test_an_entry_whose_metadata_is_no_object_is_left_to_the_server(
    metadata: object, server: Script, traces: Traces
) -> None:
    with TaskQueue(server.url, middleware=[OpenTelemetry(traces.provider)]) as queue:
        queue.batch_enqueue([{"task_name": "a", "metadata": metadata}, {"task_name": "b"}])
    [request] = server.requests
    assert request.json[0]["metadata"] == metadata
    assert METADATA_KEY in request.json[1]["metadata"]
    assert len(traces.spans()) == 1


def test_each_entry_of_a_batch_has_a_trace_context_of_its_own(server: Script, traces: Traces) -> None:
    class Marking(Middleware):
        def enqueue(self, entries: list[dict[str, Any]], send: Callable[[Any], Any]) -> Any:
            entries[0]["metadata"][METADATA_KEY]["mark"] = "first"
            return send(entries)

    with TaskQueue(server.url, middleware=[OpenTelemetry(traces.provider), Marking()]) as queue:
        queue.batch_enqueue([{"task_name": "a"}, {"task_name": "b"}])
    [request] = server.requests
    first, second = (entry["metadata"][METADATA_KEY] for entry in request.json)
    assert (first.pop("mark"), first) == ("first", second)


def test_what_stood_in_the_place_of_the_trace_context_is_overwritten(server: Script, traces: Traces) -> None:
    send_one(server.url, OpenTelemetry(traces.provider), metadata={METADATA_KEY: "mine"})
    assert list(carried(server)[METADATA_KEY]) == ["traceparent"]
