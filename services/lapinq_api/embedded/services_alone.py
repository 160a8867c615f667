"""Runs services in a process whose application is not ours."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from lapinq_api.embedded.schema_preparation import SchemaPreparation
from lapinq_api.embedded.service_runner import EmbeddedService, ServiceRunner
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.runtime.settings import Settings


@asynccontextmanager
async def services_alone(
    settings: Settings, services: Sequence[EmbeddedService], *, migrates: bool
) -> AsyncGenerator[None]:
    """Runs `services` while the context lasts, as the lifespan of our application does beside its requests.

    They start with the context, or when the database becomes usable. Raises the error of one that can't start.
    """
    stop, never = asyncio.Event(), asyncio.Event()
    schema = SchemaPreparation(settings, migrates=migrates)
    metrics = Metrics()
    async with asyncio.TaskGroup() as group:
        group.create_task(schema.run(stop))
        runners = [ServiceRunner(service, schema.ready, stop, never, metrics) for service in services]
        for runner in runners:
            group.create_task(runner.run())
        try:
            if await schema.first_attempt():
                for runner in runners:
                    await runner.first_start()
            yield
        finally:
            stop.set()
