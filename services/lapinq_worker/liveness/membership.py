"""A worker's place in the fleet: its id, its heartbeat, requests to it, and registering again.

A worker that was declared dead (it was cut off or paused for longer than its lease) drops what it holds, because other
workers have it by now, and registers again under a new id. Requests to the old id do not apply to the new one.
"""

import asyncio
import logging
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
from lapinq_core.fleet.workers import Health, Place, WorkerRecord
from lapinq_core.runtime.loops import succeed
from lapinq_core.runtime.settings import Settings
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.liveness.heartbeat import Heartbeat
from lapinq_worker.liveness.host_name import HostName
from lapinq_worker.running.clocks import NEVER, moment

log = logging.getLogger(__name__)


class Membership:
    """On the event loop it calls `on_declared_dead` when others take all that the worker holds, `on_claiming_changed`
    when it may claim again or `is_quiet` has changed, `on_stop_requested` when somebody asks it to end, and
    `on_cancel_requested` with id and claim token of a task to cancel. In the heartbeat's thread it calls
    `on_cancel_noticed` with the same just before, and `health`.
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
        health: Callable[[], Health],
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
        self._health = health
        self._on_cancel_requested = on_cancel_requested
        self._on_cancel_noticed = on_cancel_noticed
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._registered = NEVER
        self._watched = frozenset[str]()
        self._reregistering: asyncio.Task[None] | None = None
        self.id = str(uuid.uuid4())
        self._host_name: HostName | None = None
        if settings.worker_name is None:
            self._host_name = HostName(socket.gethostname())
            self.name = self._host_name.name
        else:
            self.name = settings.worker_name
        self.is_member = False
        self.is_quiet = False  # somebody asked it to claim nothing more
        self._heartbeat = self._new_heartbeat()

    @property
    @any_thread
    def is_current(self) -> bool:
        """Whether the worker still holds what it claimed, as far as it knows."""
        return self.is_member and self._heartbeat.is_current

    @any_thread
    def why_not_ready(self) -> str | None:
        """Why the worker may not claim now; None when it may."""
        return None if self.is_current else "the database has not confirmed lately that it lives"

    @property
    def judging_time(self) -> float | None:
        """The database's time for judging others; None while the worker may not judge."""
        return self._heartbeat.judging_time

    @property
    def place(self) -> Place:
        """The worker's place in the fleet, as of its last heartbeat."""
        return self._heartbeat.place

    @property
    def watched(self) -> frozenset[str]:
        """The task names that have a circuit breaker, as of its last heartbeat."""
        return self._heartbeat.watched

    def breakers_changed(self, task: str) -> None:
        """NOTIFY: this task name got or lost a circuit breaker. The next heartbeat, which comes at once, says so; of
        what was missed (""), the next one in its turn does."""
        if task:
            self._heartbeat.beat_soon()

    async def join(self, stop: asyncio.Event) -> None:
        """Registers, trying until it succeeds or `stop` is set, which also ends later attempts to register again."""
        self._stop = stop
        record = WorkerRecord(
            id=self.id,
            name=self.name,
            version=__version__,
            queues=self._queues,
            pool=self._settings.worker_pool,
            concurrency=self._settings.worker_concurrency,
            lease_seconds=self._settings.lease_seconds,
            release=self._settings.worker_release,
            timeout_seconds=self._settings.worker_timeout,
        )

        async def register() -> None:
            async with self._pool.connection() as conn:
                self._registered = moment()
                self._watched = await workers.register(conn, record)
            self.is_member = True

        await succeed("register", register, until=stop, expected=_not_ready)

    def start_beating(self) -> None:
        """Starts the heartbeat, once the worker has joined."""
        self._heartbeat.start(self._registered, self._watched)

    def stop_beating(self) -> None:
        """Stops the heartbeat for good, and gives up the name. Returns at once."""
        if self._reregistering is not None:
            self._reregistering.cancel()
        self._heartbeat.stop()
        if self._host_name is not None:
            self._host_name.release()

    def loop_turned(self) -> None:
        """The event loop turns; it calls this every second or so."""
        self._heartbeat.loop_turned()

    @any_thread
    def give_up(self) -> str:
        """While the event loop is blocked: the worker claims and starts nothing more, and registers again when the loop
        turns. Returns the id it has until then, under which it holds its tasks."""
        worker = self.id
        self.is_member = False
        self._heartbeat.stop()
        self._on_loop(self._register_again)(worker)
        return worker

    async def leave(self) -> None:
        """Signs off. Other workers rescue at once what it still holds."""
        async with self._pool.connection() as conn:
            await workers.deregister(conn, self.id)

    def _new_heartbeat(self) -> Heartbeat:
        return Heartbeat(
            self._url,
            self.id,
            interval=self._settings.heartbeat_interval,
            lease=self._settings.lease_seconds,
            blocked_after=self._settings.worker_timeout + self._settings.lease_seconds,
            on_declared_dead=partial(self._on_loop(self._register_again), self.id),
            on_cancel_requested=self._cancel_is_requested,
            on_request=partial(self._on_loop(self._follow), self.id),
            health=self._health,
        )

    @any_thread
    def _on_loop(self, call: Callable[..., None]) -> Callable[..., None]:
        # For the heartbeat's thread.
        def call_soon(*args: str | None) -> None:
            with suppress(RuntimeError):  # the loop is closed: the process is ending
                self._loop.call_soon_threadsafe(call, *args)

        return call_soon

    def _cancel_is_requested(self, task_id: str, token: str) -> None:
        self._on_cancel_noticed(task_id, token)
        self._on_loop(self._on_cancel_requested)(task_id, token)

    def _follow(self, worker: str, request: str | None, by: str | None) -> None:
        if worker != self.id:
            return  # it was for the id before
        match request:
            case WorkerRequest.STOP:
                log.info("%s asked this worker to stop", by)
                self._on_stop_requested()
            case WorkerRequest.QUIET | None if self.is_quiet != (request is not None):
                log.info(
                    "%s asked this worker to %s", by, "claim nothing more" if request else "claim tasks again"
                )
                self.is_quiet = request is not None
                self._on_claiming_changed()
            case _:
                pass  # nothing new, or a request of a later release

    def _register_again(self, worker: str) -> None:
        if worker != self.id:
            return  # both the heartbeat and the loop guard said so
        self.is_member = self.is_quiet = False
        self._on_declared_dead()
        self.id = str(uuid.uuid4())
        self._reregistering = asyncio.create_task(self._rejoin(), name="register again")

    async def _rejoin(self) -> None:
        await self.join(self._stop)
        if not self.is_member:
            return  # told to stop meanwhile
        self._heartbeat = self._new_heartbeat()
        self.start_beating()
        self._on_claiming_changed()


def _not_ready(error: BaseException) -> bool:
    """The database is away, or not migrated yet."""
    return is_away(error) or isinstance(error, psycopg.errors.UndefinedTable)
