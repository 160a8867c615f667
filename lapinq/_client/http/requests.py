"""Calls as requests to the HTTP API. No I/O happens here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from lapinq._client.calling.calls import (
    AddToWorkflow,
    CancelTask,
    CancelWorkflow,
    CloseWorkflow,
    Enqueue,
    EnqueueBatch,
    EnqueueWorkflow,
    ReadProgress,
    ReadResult,
    ReadStatus,
    ReadSteps,
    ReadWhy,
    ReadWorkflow,
    RetryWorkflow,
    SendSignal,
)
from lapinq._client.environment import key_to_send
from lapinq.version import __version__
from lapinq_core.domain.requests.api_key_header import header_of
from lapinq_core.domain.tasks.chosen_id import key_of

if TYPE_CHECKING:
    from lapinq._client.calling.calls import Call
    from lapinq._client.settings import ServerSettings


class Request(msgspec.Struct, frozen=True):
    """One HTTP request."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes | None = None


def request_of(call: Call, server: ServerSettings) -> Request:
    match call:
        case Enqueue(entry, key, task_id):
            if key is None and task_id is not None:
                key = key_of(task_id)
            return _request(server, "POST", "/api/v1/enqueue", msgspec.json.encode(entry), key)
        case EnqueueBatch(entries, key):
            return _request(server, "POST", "/api/v1/enqueue/batch", msgspec.json.encode(list(entries)), key)
        case EnqueueWorkflow():
            [tasks] = call.parts
            body: dict[str, Any] = {"name": call.name, "tasks": tasks, "open": call.is_open}
            if call.metadata is not None:
                body["metadata"] = call.metadata
            key = f"workflow-{call.workflow_id}"
            return _request(server, "POST", "/api/v1/workflows", msgspec.json.encode(body), key)
        case AddToWorkflow(workflow_id, tasks, key):
            content = msgspec.json.encode({"tasks": tasks})
            return _request(server, "POST", f"{_workflow_path(workflow_id)}/tasks", content, key)
        case CloseWorkflow(workflow_id):
            return _request(server, "POST", f"{_workflow_path(workflow_id)}/close")
        case ReadWorkflow(workflow_id, tasks, cursor):
            query = "" if tasks else "?tasks=false"
            if cursor is not None:
                query = f"?cursor={quote(cursor, safe='')}"
            return _request(server, "GET", _workflow_path(workflow_id) + query)
        case CancelWorkflow(workflow_id):
            return _request(server, "DELETE", _workflow_path(workflow_id))
        case RetryWorkflow(workflow_id):
            return _request(server, "POST", f"{_workflow_path(workflow_id)}/retry")
        case ReadStatus(task_id) | ReadProgress(task_id):
            return _request(server, "GET", _task_path(task_id))
        case ReadResult(task_id, wait):
            query = f"?wait={wait:.3f}" if wait else ""
            return _request(server, "GET", f"{_task_path(task_id)}/result{query}")
        case ReadWhy(task_id):
            return _request(server, "GET", f"{_task_path(task_id)}/why")
        case CancelTask(task_id, running):
            query = "?running=true" if running else ""
            return _request(server, "DELETE", _task_path(task_id) + query)
        case ReadSteps(task_id, cursor):
            query = "" if cursor is None else f"?cursor={quote(cursor, safe='')}"
            return _request(server, "GET", f"{_task_path(task_id)}/steps{query}")
        case SendSignal(task_id, name, value, key):
            return _request(
                server, "POST", f"{_task_path(task_id)}/signals/{quote(name, safe='')}", value, key
            )


def _task_path(task_id: str) -> str:
    return f"/api/v1/tasks/{quote(task_id, safe='')}"


def _workflow_path(workflow_id: str) -> str:
    return f"/api/v1/workflows/{quote(workflow_id, safe='')}"


def _request(
    server: ServerSettings,
    method: str,
    path: str,
    content: bytes | None = None,
    idempotency_key: str | None = None,
) -> Request:
    headers = {"Accept": "application/json", "User-Agent": f"lapinq/{__version__}"}
    if content is not None:
        headers["Content-Type"] = "application/json"
    if api_key := key_to_send(server.server_url, server.api_key):
        headers["X-API-Key"] = header_of(api_key)
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    return Request(method, server.server_url.rstrip("/") + path, headers, content)
