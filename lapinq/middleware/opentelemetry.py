"""Traces with OpenTelemetry that lead from the code that enqueues a task to the code that runs it.

Names follow the semantic conventions for messaging. Needs the extra `otel`; the application sets up the SDK and its
exporter.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from lapinq._client.outcome import is_failure, outcome_of, type_name
from lapinq.errors import RequestRefused
from lapinq_core.domain.tasks.middleware import Middleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from opentelemetry.trace import Span, TracerProvider

    from lapinq_core.domain.tasks.context import CurrentTask
    from lapinq_core.domain.tasks.middleware import Entries

METADATA_KEY = "trace_context"
"""The W3C trace context in the task's metadata: `{"traceparent": ..., "tracestate": ...}`."""


class OpenTelemetry(Middleware):
    """A producer span around each request that enqueues, a consumer span around each attempt.

    By default an attempt belongs to the trace of the request that enqueued it. With `link=True` it starts a new trace
    that links to that one, for tasks that run much later. `tracer_provider` defaults to the global one, even if that is
    set later. Raises ImportError if OpenTelemetry is not installed.
    """

    def __init__(self, tracer_provider: TracerProvider | None = None, *, link: bool = False) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError as error:
            raise ImportError("tracing needs OpenTelemetry: pip install 'lapinq[otel]'") from error
        from lapinq.version import __version__

        self._tracer = trace.get_tracer("lapinq", __version__, tracer_provider)
        self._propagator = TraceContextTextMapPropagator()
        self._link = link

    def enqueue(self, entries: Entries, send: Callable[[Entries], Any]) -> Any:
        with self._producer_span(entries) as span:
            answer = send(entries)
            _record_answer(span, answer)
            return answer

    async def aenqueue(self, entries: Entries, send: Callable[[Entries], Awaitable[Any]]) -> Any:
        with self._producer_span(entries) as span:
            answer = await send(entries)
            _record_answer(span, answer)
            return answer

    def run(self, task: CurrentTask, call: Callable[[], Any]) -> Any:
        with self._consumer_span(task):
            return call()

    async def arun(self, task: CurrentTask, call: Callable[[], Awaitable[Any]]) -> Any:
        with self._consumer_span(task):
            return await call()

    @contextmanager
    def _producer_span(self, entries: Entries) -> Generator[Span]:
        from opentelemetry.trace import SpanKind

        queues = {entry.get("queue_name") for entry in entries}
        attributes: dict[str, Any] = _attributes("send", str(queues.pop()) if len(queues) == 1 else None)
        if len(entries) == 1:
            attributes["lapinq.task.name"] = str(entries[0].get("task_name"))
        else:
            attributes["messaging.batch.message_count"] = len(entries)
        # OpenTelemetry itself records an exception.
        with self._tracer.start_as_current_span(
            _span_name(attributes), kind=SpanKind.PRODUCER, attributes=attributes
        ) as span:
            carrier: dict[str, str] = {}
            self._propagator.inject(carrier)
            if carrier:  # empty without an SDK
                for entry in entries:
                    metadata: Any = {} if entry.get("metadata") is None else entry["metadata"]
                    if isinstance(metadata, dict):  # the server refuses anything else
                        entry["metadata"] = {**cast("dict[str, Any]", metadata), METADATA_KEY: {**carrier}}
            try:
                yield span
            except RequestRefused as error:
                span.set_attribute("error.type", str(error.status_code))
                raise

    @contextmanager
    def _consumer_span(self, task: CurrentTask) -> Generator[None]:
        from opentelemetry import trace
        from opentelemetry.context import Context
        from opentelemetry.trace import Link, SpanKind, StatusCode

        producer = self._propagator.extract(_carrier(task), context=Context())
        sent = trace.get_current_span(producer).get_span_context()
        attributes = _attributes("process", task.queue)
        attributes |= {"lapinq.task.name": task.task_name, "lapinq.task.attempt": task.attempt}
        if task.id:
            attributes["messaging.message.id"] = task.id
        with self._tracer.start_as_current_span(
            _span_name(attributes),
            context=Context() if self._link else producer,
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            links=[Link(sent)] if self._link and sent.is_valid else None,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_attribute("lapinq.task.outcome", outcome_of(error))
                if is_failure(error):
                    span.record_exception(error)
                    span.set_attribute("error.type", type_name(error))
                    span.set_status(StatusCode.ERROR, f"{type(error).__name__}: {error}")
                raise
            span.set_attribute("lapinq.task.outcome", "completed")


def _attributes(operation: str, queue: str | None) -> dict[str, Any]:
    named = {} if queue is None else {"messaging.destination.name": queue}
    return {
        "messaging.system": "lapinq",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        **named,
    }


def _span_name(attributes: dict[str, Any]) -> str:
    operation, queue = attributes["messaging.operation.name"], attributes.get("messaging.destination.name")
    return operation if queue is None else f"{operation} {queue}"


def _carrier(task: CurrentTask) -> dict[str, str]:
    # Any client may have written it, and the propagator fails on values that are no strings.
    carried: Any = task.metadata.get(METADATA_KEY)
    if not isinstance(carried, dict):
        return {}
    return {key: value for key, value in carried.items() if isinstance(value, str)}  # pyright: ignore[reportUnknownVariableType]


def _record_answer(span: Span, answer: Any) -> None:
    """The task's id, or the refusal. Another middleware may have answered anything."""
    from opentelemetry.trace import StatusCode

    from lapinq.handle import TaskRef

    status: Any = getattr(answer, "status_code", None)
    if not isinstance(status, int):
        return
    if status >= 400:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR, f"the server answered {status}")
    elif isinstance(answer, TaskRef):
        with suppress(RequestRefused):  # something else than lapinq answered
            if (task_id := answer.task_id) is not None:
                span.set_attribute("messaging.message.id", task_id)
