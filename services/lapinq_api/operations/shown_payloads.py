"""Masks a task's payload for a caller when the queue has to be looked up first."""

from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of
from lapinq_api.state import State
from lapinq_core.tasks import inspect


async def about_task(state: State, request: Request, task_id: str, text: str) -> bytes:
    """`text`, JSON about a task that does not name its queue, with hidden values masked for the sender of `request`.

    The queue is looked up only if something may be hidden from them.
    """
    view = state.payloads.for_(actor_of(request))
    if view.is_whole:
        return text.encode()
    names = await state.database.run(inspect.get_names, task_id)
    return await view.encoded(text, names.queue_name if names else None)
