"""Enqueues a task again as a new one, with the changes that the body asks for."""

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, author_of, refuse_early, require
from lapinq_api.credentials.payloads import CARRIED, PayloadView
from lapinq_api.operations.body import read_json_if_any
from lapinq_api.operations.endpoint import Answer, Needs, Operation
from lapinq_api.operations.idempotency import (
    CONFLICT,
    HEADERS,
    IDEMPOTENCY_KEY,
    given_key,
    stored_key,
)
from lapinq_api.operations.task_path import TASK_ID, links_to_task, task_id, unknown_task
from lapinq_api.operations.task_permission import require_read_of_task
from lapinq_api.routes.tasks.enqueue import Enqueued, EnqueuedTransient, enqueued, request_id
from lapinq_api.state import State
from lapinq_api.wire.codec import off_loop_if_large
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.requests.rerun import Rerun, RerunRequest, read_rerun
from lapinq_core.intake.rerunning import enqueued_fields


async def rerun_task(state: State, request: Request) -> Response:
    which = task_id(request)
    refuse_early(request, Permission.ENQUEUE)
    await require_read_of_task(state, request, which)
    given = given_key(request)
    body = await read_json_if_any(
        request.scope, request.receive, state.settings.max_payload_size, state.admission
    )
    fields = await state.database.run(enqueued_fields, which)
    if fields is None:
        raise unknown_task()
    size = len(body) + len(fields)
    with await state.admission.decoding(body), await state.admission.decoding(fields.encode()):
        asked = await off_loop_if_large(
            fields.encode() + body,
            read_rerun,
            fields,
            body,
            state.settings.allowed_modules,
            request_id(request),
        )
        task = asked.task
        for queue in (asked.earlier_queue, task.queue_name):
            require(request, Permission.ENQUEUE, queue)
        await off_loop_if_large(
            fields.encode(), _check_secrets, state.payloads.for_(actor_of(request)), asked
        )
        key = None if given is None else stored_key(request, given, f"POST /api/v1/tasks/{which}/rerun", body)
        outcome = await state.enqueue_batcher.put_all(
            [task], size, key, by=author_of(request), rerun_of=which
        )
    return enqueued(state, task, outcome)


def _check_secrets(view: PayloadView, asked: Rerun) -> None:
    """Raises `Refused` (403) if the new task would show the sender what is hidden from them in the earlier one."""
    earlier, queue = asked.earlier, asked.earlier_queue
    view.check_holds_no_mask(queue, asked.changes)
    copied = None if "webhook_url" in asked.changes else earlier.webhook_url
    view.check_move(queue, asked.task.queue_name, copied)
    view.check_steering(queue, {name: getattr(earlier, name) for name in CARRIED}, asked.changes)


OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/tasks/{id}/rerun",
        handler=rerun_task,
        needs=Needs.READ_OF_QUEUE,
        tag="tasks",
        summary="Enqueue a task again, as a new one",
        description=(
            "For a task in any status; the earlier task stays as it is. The new one has the same function, arguments"
            " and options, unless the body changes them, and starts now, unless it says `scheduled_at`. A user needs"
            " the permission `enqueue` on the queues of both. While the new task keeps values that are hidden from the"
            " caller, its function, webhook and other arguments stay too, and it can't move to a queue where they are"
            " shown."
        ),
        parameters=(TASK_ID, IDEMPOTENCY_KEY),
        body=RerunRequest,
        body_is_optional=True,
        answers={
            201: Answer(
                description="The new task is enqueued.",
                body=Enqueued | EnqueuedTransient,
                headers=HEADERS,
                links=links_to_task("$response.body#/task_id"),
            )
        },
        errors={404: "There is no task with this id.", 409: CONFLICT},
    ),
)
