"""Enqueues a task again as a new one, with the changes that the body asks for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec
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
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.ids import is_of_workflow
from lapinq_core.domain.requests.rerun import Rerun, RerunRequest, put_in_results, read_rerun
from lapinq_core.domain.tasks.references import references_in
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake.rerunning import enqueued_fields
from lapinq_core.workflows.parents import NamedParent, named_parents, queues_of


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
        if is_of_workflow(which):
            size += await _put_in_results(state, request, which, task)
        key = None if given is None else stored_key(request, given, f"POST /api/v1/tasks/{which}/rerun", body)
        outcome = await state.enqueue_batcher.put_all(
            [task], size, key, by=author_of(request), rerun_of=which, from_step=asked.from_step
        )
    return enqueued(state, task, outcome)


async def _put_in_results(state: State, request: Request, task_id: str, task: NewTask) -> int:
    """Puts the results that arguments of `task`, a rerun of the member `task_id`, name into them. Returns their size.

    Raises `Refused` (403, 413), and `InvalidValue` for a result that arguments can't hold.
    """
    refs = Counter(references_in(msgspec.json.encode([task.args, task.kwargs])))
    if not refs:
        return 0
    limit = state.settings.max_payload_size
    found = await state.database.run(named_parents, [(task_id, refs)], first_bytes=limit, max_bytes=limit)
    size = sum(parent.size * refs[parent.ref] for parent in found)
    if size > limit:
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the results that its arguments name have {size} bytes together, more than {limit}",
        )
    queues = await state.database.run(queues_of, [parent.id for parent in found])
    results = "".join(parent.result or "" for parent in found).encode()
    with await state.admission.decoding(results):
        await off_loop_if_large(results, _check_shown, state.payloads.for_(actor_of(request)), found, queues)
        outcomes = {parent.ref: parent.outcome for parent in found}
        await off_loop_if_large(results, put_in_results, task, outcomes)
    return size


def _check_shown(view: PayloadView, parents: Sequence[NamedParent], queues: Mapping[str, str]) -> None:
    """Raises `Refused` (403) if something about one of the parents is hidden from the sender."""
    for parent in parents:
        if (queue := queues.get(parent.id)) is not None:
            view.check_result(queue, parent.ref, {"result": parent.result, "error": parent.error})


def _check_secrets(view: PayloadView, asked: Rerun) -> None:
    """Raises `Refused` (403) if the new task would show the sender what is hidden from them in the earlier one."""
    earlier, queue = asked.earlier, asked.earlier_queue
    view.check_holds_no_mask(queue, asked.changes)
    copied = None if "webhook_url" in asked.changes else earlier.webhook_url
    view.check_move(queue, asked.task.queue_name, copied)
    view.check_steering(queue, {name: getattr(earlier, name) for name in CARRIED}, asked.changes)
    if asked.from_step is not None:
        view.check_steps_stay(queue, asked.changes)


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
            " shown. The new task is in no workflow: what its arguments name of one is put into them as it is now. With"
            " `from_step` a durable task starts with the steps and waits of the earlier one that have ended and began"
            " before that step; it runs under their version of the function."
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
