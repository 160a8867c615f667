"""Listens for NOTIFY on one connection per process: psycopg lets a listening connection do nothing else.

A notification is a hint. After every (re)connect subscribers get an empty payload, which tells them to query the
database. When nothing arrives, a periodic query with a time limit of seconds detects a half-open connection. A turn of
the loop lasts as long as its connection, so it has no deadline: each wait in it has its own.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable

import psycopg
from psycopg import pq, sql

from lapinq_core.db.errors import is_away
from lapinq_core.db.pool import connect, ended_after
from lapinq_core.runtime.loops import Loop

CHECK_INTERVAL_SECONDS = 2.0
CHECK_DEADLINE_SECONDS = 2.0
PROVEN_SECONDS = 1.2
"""After a notification. A process on duty (`upkeep.duty`) sends one twice a second."""

log = logging.getLogger(__name__)


class Listener:
    """Subscribes callables to channels; `run` listens until stopped.

    A callable gets the payload, or "" when notifications may have been missed. It runs on the event loop and must be
    quick.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._subscribers: dict[str, list[Callable[[str], None]]] = {}
        self._varying: Callable[[], frozenset[str]] = frozenset[str]
        self._on_varying: Callable[[str], None] = lambda _payload: None
        self._heard_at = float("-inf")  # by time.monotonic
        self.connected = False

    @property
    def is_proven(self) -> bool:
        """Whether notifications arrive: one did a moment ago."""
        return self.connected and time.monotonic() - self._heard_at < PROVEN_SECONDS

    def subscribe(self, channel: str, callback: Callable[[str], None]) -> None:
        """Calls `callback` for each notification on `channel`. Call it before `run`."""
        self._subscribers.setdefault(channel, []).append(callback)

    def subscribe_varying(
        self, channels: Callable[[], frozenset[str]], callback: Callable[[str], None]
    ) -> None:
        """Calls `callback` for each notification on `channels`, others than those of `subscribe`. It follows their
        changes within two seconds. Call it before `run`."""
        self._varying, self._on_varying = channels, callback

    async def run(self, stop: asyncio.Event) -> None:
        """Listens, reconnecting as needed, until `stop` is set."""
        await Loop("listener", lambda: self._listen(stop), until=stop, deadline=None, expected=is_away).run()

    async def _listen(self, stop: asyncio.Event) -> float:
        connection = await connect(self._url, self._name)
        try:
            connection.add_notify_handler(self._heard)  # for those that come during a statement
            varying = self._varying()
            await _listen(connection, {*self._subscribers, *varying}, ())
            self.connected = True
            self._tell_all()
            while not stop.is_set():
                await self._hear(connection.pgconn)
                before, varying = varying, self._varying()
                if self.is_proven and varying == before:
                    continue
                await _listen(connection, varying - before, before - varying)
            return 0.0
        finally:
            self.connected = False
            self._tell_all()
            with contextlib.suppress(Exception):
                await connection.close()

    async def _hear(self, connection: pq.abc.PGconn) -> None:
        """Listens for `CHECK_INTERVAL_SECONDS`. Raises psycopg.OperationalError when the connection breaks.

        A notification is heard as soon as the socket is readable. psycopg's `notifies` passes it through a task, a
        turn of the loop later, and registers the socket again after each.
        """
        loop = asyncio.get_running_loop()
        broken: asyncio.Future[None] = loop.create_future()
        socket = connection.socket

        def read() -> None:
            loop.remove_reader(socket)  # the driver may close it, and then the number is another's
            try:
                connection.consume_input()
                while (notification := connection.notifies()) and connection.notify_handler:
                    connection.notify_handler(notification)
            except Exception as error:  # noqa: BLE001  # raised below
                broken.set_exception(error)
            else:
                loop.add_reader(socket, read)

        loop.add_reader(socket, read)
        try:
            await asyncio.wait([broken], timeout=CHECK_INTERVAL_SECONDS)
        finally:
            if broken.done():
                broken.exception()  # has been seen, also where a stop comes before it
            else:
                loop.remove_reader(socket)
        if broken.done():
            broken.result()

    def _heard(self, notification: psycopg.Notify) -> None:
        self._heard_at = time.monotonic()
        for callback in self._subscribers.get(notification.channel, (self._on_varying,)):
            callback(notification.payload)

    def _tell_all(self) -> None:
        for callbacks in self._subscribers.values():
            for callback in callbacks:
                callback("")


async def _listen(connection: psycopg.AsyncConnection, more: Iterable[str], less: Iterable[str]) -> None:
    """In one round trip, which also shows that the connection works."""
    statements = [sql.SQL("LISTEN {}").format(sql.Identifier(channel)) for channel in more]
    statements += [sql.SQL("UNLISTEN {}").format(sql.Identifier(channel)) for channel in less]
    with ended_after(connection, CHECK_DEADLINE_SECONDS):
        await connection.execute(sql.SQL("; ").join([*statements, sql.SQL("SELECT 1")]))
