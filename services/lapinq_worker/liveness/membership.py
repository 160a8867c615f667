"""A worker's place in the fleet: its id, its heartbeat, what it is asked to do, and beginning anew.

A worker that the cluster declared dead (it was cut off or paused for longer than its lease) drops what it holds, for
others have it by now, and registers again under a new id. What the old one was asked to do does not hold for the new.
"""

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import psycopg

from lapinq_core.db.errors import is_away
from lapinq_core.db.pool import Pool
from lapinq_core.domain.version import __version__
from lapinq_core.domain.worker import WorkerRequest
from lapinq_core.fleet import workers
from lapinq_core.fleet.workers import Condition, WorkerRecord
from lapinq_core.runtime.loops import StopLoop, run_every
from lapinq_core.runtime.settings import Settings
from lapinq_worker.liveness.heartbeat import Heartbeat
from lapinq_worker.running.clocks import NEVER, moment

log = logging.getLogger(__name__)


class Membership:
    """One event loop owns it.

    On the event loop it calls `on_declared_dead` when others take all that the worker holds, `on_claiming_changed` when
    it may claim again or `is_quiet` has changed, `on_stop_requested` when somebody asks it to end, and
    `on_cancel_requested` with id and claim token of a task to stop. In the heartbeat's thread it calls
    `on_cancel_noticed` with the same just before, and `condition` to learn how the worker is.
    """

    def __init__(
        self,
        url: str,
        pool: Pool,
        settings: Settings,
        queues: list[str] | None,
        *,
        on_declared_dead: Callable[[], None],
        on_claiming_changed: Callable[[], None],
        on_stop_requested: Callable[[], None],
        condition: Callable[[], Condition],
        on_cancel_requested: Callable[[str, str], None],
        on_cancel_noticed: Callable[[str, str], None] = lambda _task_id, _token: None,
    ) -> None:
        self._url = url
        self._pool = pool
        self._settings = settings
        self._queues = queues
        self._on_declared_dead = on_declared_dead
        self._on_claiming_changed = on_claiming_changed
        self._on_stop_requested = on_stop_requested
        self._condition = condition
        self._on_cancel_requested = on_cancel_requested
        self._on_cancel_noticed = on_cancel_noticed
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._registered = NEVER
        self._rebirth: asyncio.Task[None] | None = None
        self.id = str(uuid.uuid4())
        self.name = settings.worker_name or f"{socket.gethostname()}-{os.getpid()}"
        self.is_member = False
        self.is_quiet = False  # somebody asked it to claim nothing more
        self._heartbeat = self._new_heartbeat()

    @property
    def is_current(self) -> bool:
        """Whether the worker holds what it claimed, for all it knows."""
        return self.is_member and self._heartbeat.is_current

    def what_keeps_it(self) -> str | None:
        """Why the worker may claim nothing now; None when it may."""
        return None if self.is_current else "the database has not confirmed lately that it lives"

    @property
    def judging_time(self) -> float | None:
        """The database's time by which it may judge others; None while it may not."""
        return self._heartbeat.judging_time

    async def join(self, stop: asyncio.Event) -> None:
        """Registers, trying until it succeeds or `stop` is set, which also ends later attempts to begin anew."""
        self._stop = stop
        record = WorkerRecord(
            id=self.id,
            name=self.name,
            version=__version__,
            queues=self._queues,
            pool=self._settings.worker_pool,
            concurrency=self._settings.worker_concurrency,
            lease_seconds=self._settings.lease_seconds,
        )

        async def turn() -> None:
            async with self._pool.connection() as conn:
                self._registered = moment()
                await workers.register(conn, record)
            self.is_member = True
            raise StopLoop

        await run_every("register", turn, interval=0.1, stop=stop, expected=_not_ready)

    def start_beating(self) -> None:
        """From the event loop's thread, once it has joined."""
        self._heartbeat.start(self._registered)

    def stop_beating(self) -> None:
        """For good; returns at once."""
        if self._rebirth is not None:
            self._rebirth.cancel()
        self._heartbeat.stop()

    def loop_turned(self) -> None:
        """The event loop is alive; to be called from it every second or so."""
        self._heartbeat.loop_turned()

    def give_up(self) -> str:
        """From another thread, while the event loop is stuck: nothing is claimed or started any more, and the worker
        begins anew when the loop turns again. Answers the id it had, under which it still holds what it holds."""
        worker = self.id
        self.is_member = False
        self._heartbeat.stop()
        self._on_loop(self._begin_anew)(worker)
        return worker

    async def leave(self) -> None:
        """Signs off: what it should still hold is given to others at once."""
        async with self._pool.connection() as conn:
            await workers.deregister(conn, self.id)

    def _new_heartbeat(self) -> Heartbeat:
        return Heartbeat(
            self._url,
            self.id,
            interval=self._settings.heartbeat_interval,
            lease=self._settings.lease_seconds,
            blocked_after=self._settings.worker_timeout + self._settings.lease_seconds,
            on_declared_dead=partial(self._on_loop(self._begin_anew), self.id),
            on_cancel_requested=self._cancel_is_requested,
            on_request=partial(self._on_loop(self._follow), self.id),
            condition=self._condition,
        )

    def _on_loop(self, call: Callable[..., None]) -> Callable[..., None]:
        # For the heartbeat's thread.
        def soon(*args: str | None) -> None:
            with suppress(RuntimeError):  # the loop is closed: the process is ending
                self._loop.call_soon_threadsafe(call, *args)

        return soon

    def _cancel_is_requested(self, task_id: str, token: str) -> None:
        self._on_cancel_noticed(task_id, token)
        self._on_loop(self._on_cancel_requested)(task_id, token)

    def _follow(self, worker: str, request: str | None, by: str | None) -> None:
        if worker != self.id:
            return  # it was of the life before
        match request:
            case WorkerRequest.STOP:
                log.info("%s asked this worker to stop", by)
                self._on_stop_requested()
            case WorkerRequest.QUIET | None if self.is_quiet != (request is not None):
                log.info(
                    "%s asked this worker to %s", by, "claim nothing more" if request else "go on claiming"
                )
                self.is_quiet = request is not None
                self._on_claiming_changed()
            case _:
                pass  # nothing new, or what only a later release knows

    def _begin_anew(self, worker: str) -> None:
        if worker != self.id:
            return  # told by two
        self.is_member = self.is_quiet = False
        self._on_declared_dead()
        self.id = str(uuid.uuid4())
        self._rebirth = asyncio.create_task(self._be_reborn(), name="begin anew")

    async def _be_reborn(self) -> None:
        await self.join(self._stop)
        if not self.is_member:
            return  # told to stop meanwhile
        self._heartbeat = self._new_heartbeat()
        self.start_beating()
        self._on_claiming_changed()


def _not_ready(error: BaseException) -> bool:
    """The database is away, or not migrated yet."""
    return is_away(error) or isinstance(error, psycopg.errors.UndefinedTable)
