"""Enqueues tasks, one by one and in batches."""

import asyncio
import time
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.auth.sessions import SESSION_KEY
from lapinq_api.credentials.caller import author_of, refuse_early, require
from lapinq_api.operations.body import read_json
from lapinq_api.operations.endpoint import Answer, Needs, Operation
from lapinq_api.operations.idempotency import (
    CONFLICT,
    HEADERS,
    IDEMPOTENCY_KEY,
    REPLAYED,
    given_key,
    ids_of,
    stored_key,
)
from lapinq_api.operations.task_path import links_to_task
from lapinq_api.state import State
from lapinq_api.wire.codec import Json, is_small, off_loop_if_large
from lapinq_api.wire.headers import REQUEST_ID_KEY
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.requests.enqueue import EnqueueRequest, read_batch, read_task
from lapinq_core.domain.requests.refusals import MAX_IN_BATCH
from lapinq_core.domain.requests.values import Id
from lapinq_core.domain.tasks.chosen_id import chosen_id, needs_key
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake.idempotency import Answered, Earlier, is_stored
from lapinq_core.intake.unique_keys import Met, UniqueConflict, have_unique_keys


class Enqueued(msgspec.Struct, omit_defaults=True):
    """The task's id. `existing`: it is that of a task that has the unique key, and nothing was stored. `replaced`: that
    task got the arguments and options of this one."""

    task_id: Id
    existing: bool = False
    replaced: bool = False


class EnqueuedTransient(msgspec.Struct):
    """A fire-and-forget task has no id."""

    task_id: None = None
    ttl_seconds: int = 0


class EnqueuedBatch(msgspec.Struct):
    """The ids in request order; null for a fire-and-forget task.

    If tasks have unique keys, `existing` and `replaced` are the numbers, from 0, of those whose key another task has,
    and of those whose arguments and options it got.
    """

    task_ids: list[Id | None]
    existing: list[int] | UnsetType = UNSET
    replaced: list[int] | UnsetType = UNSET


async def enqueue(state: State, request: Request) -> Response:
    refuse_early(request, Permission.ENQUEUE)
    given = given_key(request)
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    with await state.admission.decoding(body):
        now = time.time()
        task_id = None if given is None else chosen_id(given, now)
        wanted = (body, state.settings.allowed_modules, request_id(request), task_id)
        # Not `off_loop_if_large`: on this path every coroutine counts.
        task = read_task(*wanted) if is_small(body) else await asyncio.to_thread(read_task, *wanted)
        require(request, Permission.ENQUEUE, task.queue_name)
        if given is None or (task_id is not None and not needs_key(task, now)):
            key = None
        else:
            key = await off_loop_if_large(body, stored_key, request, given, _ONE, body)
        if SESSION_KEY in request.scope:
            outcome = await state.enqueue_batcher.put_all([task], len(body), key, by=author_of(request))
        else:
            outcome = await state.enqueue_batcher.put(task, len(body), key)
    return enqueued(state, task, outcome)


async def enqueue_batch(state: State, request: Request) -> Response:
    refuse_early(request, Permission.ENQUEUE)
    given = given_key(request)
    limit = state.settings.max_batch_payload_size
    body = await read_json(request.scope, request.receive, limit, state.admission)
    with await state.admission.decoding(body):
        tasks = await off_loop_if_large(
            body, read_batch, body, state.settings.allowed_modules, request_id(request)
        )
        for queue in {task.queue_name for task in tasks}:
            require(request, Permission.ENQUEUE, queue)
        if given is None:
            key = None
        else:
            key = await off_loop_if_large(body, stored_key, request, given, _MANY, body)
        by = author_of(request) if SESSION_KEY in request.scope else None
        outcome = None
        if tasks or key:
            try:
                outcome = await state.enqueue_batcher.put_all(tasks, len(body), key, by=by, numbered=True)
            except UniqueConflict as error:
                raise error.in_batch() from error
    if outcome is None:
        state.counters.enqueued(tasks, "batch")
        return Json(
            EnqueuedBatch([None if task.is_transient else task.id for task in tasks]), HTTPStatus.CREATED
        )
    met = outcome.met
    answer = EnqueuedBatch(ids_of(outcome))
    if have_unique_keys(tasks):
        answer.existing, answer.replaced = met.existing, met.replaced
    if isinstance(outcome, Earlier):
        return Json(answer, HTTPStatus.CREATED, REPLAYED)
    existing = set(met.existing)
    state.counters.enqueued([task for number, task in enumerate(tasks) if number not in existing], "batch")
    return Json(answer, HTTPStatus.CREATED)


def enqueued(state: State, task: NewTask, outcome: Earlier | Answered | None) -> Response:
    """The answer to a request to enqueue `task`, which it counts."""
    if is_stored(outcome):
        state.counters.enqueued((task,), "single")
    if outcome is None:
        task_id, met = None if task.is_transient else task.id, Met()
    else:
        [task_id], met = ids_of(outcome), outcome.met
    return Json(
        EnqueuedTransient() if task_id is None else Enqueued(task_id, bool(met.existing), bool(met.replaced)),
        HTTPStatus.CREATED,
        REPLAYED if isinstance(outcome, Earlier) else None,
    )


def request_id(request: Request) -> str | None:
    """The id of its request that the new task keeps; None if the caller is in this process."""
    return request.scope.get(REQUEST_ID_KEY)


_ONE = "POST /api/v1/enqueue"
_MANY = "POST /api/v1/enqueue/batch"


OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/enqueue",
        handler=enqueue,
        needs=Needs.PERMISSION,
        tag="enqueue",
        summary="Enqueue a task",
        body=EnqueueRequest,
        parameters=(IDEMPOTENCY_KEY,),
        answers={
            201: Answer(
                description="The task is enqueued.",
                body=Enqueued | EnqueuedTransient,
                headers=HEADERS,
                links=links_to_task("$response.body#/task_id"),
            )
        },
        errors={409: CONFLICT},
    ),
    Operation(
        method="POST",
        path="/api/v1/enqueue/batch",
        handler=enqueue_batch,
        needs=Needs.PERMISSION,
        tag="enqueue",
        summary="Enqueue up to 1000 tasks, all or none",
        body=Annotated[list[EnqueueRequest], msgspec.Meta(extra_json_schema={"maxItems": MAX_IN_BATCH})],
        parameters=(IDEMPOTENCY_KEY,),
        answers={
            201: Answer(
                description="The tasks are enqueued.",
                body=EnqueuedBatch,
                headers=HEADERS,
                links=links_to_task("$response.body#/task_ids/0"),
            )
        },
        errors={409: CONFLICT},
    ),
)
