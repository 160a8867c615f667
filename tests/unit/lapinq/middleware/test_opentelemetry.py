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
from lapinq_core.domain.errors import OtherVersion, Suspend
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


def facts(span: ReadableSpan) -> tuple[str, SpanKind, StatusCode, dict[str, Any]]:
    return span.name, span.kind, span.status.status_code, dict(span.attributes or {})


def attributes(operation: str, task_id: str, **more: Any) -> dict[str, Any]:
    return {
        "messaging.system": "lapinq",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": "video",
        "messaging.message.id": task_id,
        "lapinq.task.name": "work",
        **{f"lapinq.task.{name}": value for name, value in more.items()},
    }


def test_an_attempt_is_a_consumer_span_in_the_trace_of_its_enqueue(server: Script, traces: Traces) -> None:
    middleware = OpenTelemetry(traces.provider)
    metadata: dict[str, Any] = {"team": "video", METADATA_KEY: "what stood in its place"}
    with traces.provider.get_tracer("app").start_as_current_span("request") as request:
        send_one(server.url, middleware, metadata=metadata)
    assert metadata == {"team": "video", METADATA_KEY: "what stood in its place"}
    assert (carried(server)["team"], list(carried(server)[METADATA_KEY])) == ("video", ["traceparent"])
    inner: list[trace.Span] = []

    def function() -> int:
        inner.append(trace.get_current_span())
        return 5

    assert attempt(function, middleware, metadata=carried(server), id="7", attempt=2) == 5
    attempt(work, OpenTelemetry(traces.provider, link=True), metadata=carried(server))
    sent, _, run, linked = traces.spans()
    assert facts(sent) == ("send video", SpanKind.PRODUCER, StatusCode.UNSET, attributes("send", TASK_ID))
    told = attributes("process", "7", attempt=2, outcome="completed")
    assert facts(run) == ("process video", SpanKind.CONSUMER, StatusCode.UNSET, told)
    assert sent.context
    assert run.context
    assert run.parent
    ids = f"00-{sent.context.trace_id:032x}-{sent.context.span_id:016x}-"
    assert carried(server)[METADATA_KEY]["traceparent"].startswith(ids)
    assert run.context.trace_id == sent.context.trace_id == request.get_span_context().trace_id
    assert run.parent.span_id == sent.context.span_id
    assert inner[0].get_span_context() == run.context
    assert (linked.parent, [link.context.span_id for link in linked.links]) == (None, [sent.context.span_id])


def test_a_task_that_brings_no_trace_begins_one(traces: Traces) -> None:
    both = OpenTelemetry(traces.provider), OpenTelemetry(traces.provider, link=True)
    given = (None, {"traceparent": 5}, {"traceparent": "nonsense"}, ["traceparent"])
    for metadata in (None, {}, *({METADATA_KEY: value} for value in given)):
        attempt(work, *both, metadata=metadata)
    assert {(span.parent, span.links) for span in traces.spans()} == {(None, ())}
    assert len(traces.spans()) == 12


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
        (Suspend("waits"), "suspended", StatusCode.UNSET),
        (OtherVersion("1", None), "released", StatusCode.UNSET),
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


async def test_a_batch_is_one_span_and_each_task_has_a_trace_context_of_its_own(
    server: Script, traces: Traces
) -> None:
    class Marking(Middleware):
        async def aenqueue(self, entries: list[dict[str, Any]], send: Callable[..., Any]) -> Any:
            entries[0]["metadata"][METADATA_KEY]["mark"] = "first"
            return await send(entries)

    server.answer(201, {"task_ids": ["1", "2"]})
    entries = [{"task_name": "a"}, {"task_name": "b", "queue_name": "mail"}]
    middleware = (OpenTelemetry(traces.provider), Marking())
    async with AsyncTaskQueue(server.url, middleware=middleware) as queue:
        await queue.batch_enqueue(entries)
    [span] = traces.spans()
    assert span.name == "send"
    assert span.attributes
    assert span.attributes["messaging.batch.message_count"] == 2
    [request] = server.requests
    first, second = (entry["metadata"][METADATA_KEY] for entry in request.json)
    assert (first.pop("mark"), first) == ("first", second)
    assert "metadata" not in entries[0]


def test_without_an_sdk_nothing_is_sent_along_and_all_goes_on(server: Script) -> None:
    send_one(server.url, OpenTelemetry())
    [request] = server.requests
    assert "metadata" not in request.json
    assert attempt(lambda: 5, OpenTelemetry()) == 5


def test_entries_whose_metadata_is_no_object_are_left_to_the_server(server: Script, traces: Traces) -> None:
    wrong: list[Any] = [[], ["a"], "text", "", 0, 5, False]
    with TaskQueue(server.url, middleware=[OpenTelemetry(traces.provider)]) as queue:
        queue.batch_enqueue([*({"task_name": "a", "metadata": one} for one in wrong), {"task_name": "b"}])
    [request] = server.requests
    *sent, good = (entry["metadata"] for entry in request.json)
    assert (sent, METADATA_KEY in good) == (wrong, True)
    assert len(traces.spans()) == 1
