"""What of a task's payload the sender of a request is shown, where the queue has to be looked up first."""

from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of
from lapinq_api.state import State
from lapinq_core.tasks import inspect


async def about_task(state: State, request: Request, task_id: str, text: str) -> bytes:
    """`text`, JSON about a task which does not name its queue, as the sender of `request` may see it.

    Only where something may be hidden from them is the queue looked up.
    """
    view = state.payloads.for_(actor_of(request))
    if view.is_whole:
        return text.encode()
    names = await state.database.run(inspect.get_names, task_id)
    return await view.encoded(text, names.queue_name if names else None)
