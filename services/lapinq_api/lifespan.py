"""What runs beside the requests, from the start of the application to its end.

The start waits for the first attempt to reach the database and find its schema. If that fails, the application starts
anyway, answers 503, and keeps trying. Embedded services (a worker or a scheduler in this process) start when the
schema is ready. One that fails later is restarted.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette

from lapinq_api.auth.first_user import FirstUser
from lapinq_api.connecting import connected
from lapinq_api.embedded.schema_preparation import SchemaPreparation
from lapinq_api.embedded.service_runner import EmbeddedService, ServiceRunner
from lapinq_api.routes.bulk.bulk_runner import bulk_loop
from lapinq_api.state import State


def make_lifespan(
    state: State, services: Sequence[EmbeddedService], *, migrates: bool
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """The lifespan of an application with this state. It may run again after its end."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        stop = asyncio.Event()
        async with connected(state) as group:
            schema = SchemaPreparation(
                state.settings,
                migrates=migrates,
                on_ready=state.database.admit_calls,
                on_wrong_schema=state.database.refuse_calls,
            )
            group.create_task(schema.run(stop))
            first_user = FirstUser(state, schema.ready)
            group.create_task(first_user.run(stop))
            forced: asyncio.Event = app.state.stop_is_forced
            runners = [
                ServiceRunner(service, schema.ready, stop, forced, state.metrics) for service in services
            ]
            running = [group.create_task(runner.run()) for runner in runners]
            running.append(group.create_task(bulk_loop(state).run()))
            try:
                if await schema.first_attempt():
                    await first_user.first_attempt()
                    for runner in runners:
                        await runner.first_start()
                yield
            finally:
                stop.set()
                state.stopping.set()
                await asyncio.gather(*running)

    return lifespan
