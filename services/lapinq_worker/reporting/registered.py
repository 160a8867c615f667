"""Tells the fleet which tasks this worker has found in the modules that it imported, at its start and since."""

import asyncio
import sys
from collections.abc import Callable, Iterable

import msgspec

from lapinq_core.db.pool import Pool
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.fleet import workers
from lapinq_core.importing import registered_tasks
from lapinq_worker.liveness.membership import Membership

INTERVAL_SECONDS = 2.0
MAX_TASKS = 1000
"""A worker with more of them tells the first ones by module and name."""
MAX_PARAMETERS_BYTES = 64 * 1024
"""Of the parameters of all tasks together, as JSON. Further tasks are told without theirs."""


class Registration:
    """Writes when `modules` has grown, or when the worker has registered again under a new id."""

    def __init__(self, pool: Pool, membership: Membership, modules: Callable[[], Iterable[str]]) -> None:
        self._pool = pool
        self._membership = membership
        self._modules = modules
        self._told = (membership.id, frozenset[str]())

    async def turn(self) -> float:
        """Writes if there is something new. Returns the pause before the next turn."""
        known = (self._membership.id, frozenset(self._modules()))
        if known != self._told and self._membership.is_member:
            await self._write(*known)
            self._told = known
        return INTERVAL_SECONDS

    async def _write(self, worker_id: str, modules: frozenset[str]) -> None:
        found = await asyncio.to_thread(_tasks_in, modules)
        async with self._pool.connection() as conn:
            await workers.record_registered(conn, worker_id, found)


def _tasks_in(modules: Iterable[str]) -> list[Registered]:
    found = {
        (task.module_path, task.task_name): task
        for module in modules
        if module in sys.modules
        for task in registered_tasks(module)
    }
    return _within_limit([found[key] for key in sorted(found)][:MAX_TASKS])


def _within_limit(tasks: list[Registered]) -> list[Registered]:
    told, left = list[Registered](), MAX_PARAMETERS_BYTES
    for task in tasks:
        left -= len(msgspec.json.encode(task.parameters))
        told.append(task if left >= 0 else msgspec.structs.replace(task, parameters=None))
    return told
