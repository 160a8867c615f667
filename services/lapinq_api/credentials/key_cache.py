"""Caches to whom an API key belongs, so that few requests query the database for it.

An answer is valid for 5 s, and not beyond the key's expiry. A deletion of a key, or of its owner, is announced on
`ACCESS_CHANNEL` (`lapinq_core.people.keys`) and takes effect immediately in every server; if the announcement is lost,
it takes those 5 s. Uncached keys are looked up one statement at a time, all together that have arrived since the last.
So made-up keys use at most one connection, and callers seen
lately continue while the database is unavailable.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping

import msgspec
import psycopg

from lapinq_api.overload.database import BUDGET_SECONDS, Database
from lapinq_api.overload.fair_share import CALLER, SERVER
from lapinq_core.batching.database import Overloaded
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.accounts.account import Actor
from lapinq_core.domain.accounts.api_key import digest_of, looks_like_key
from lapinq_core.domain.errors import LapinqError
from lapinq_core.people import keys
from lapinq_core.people.keys import FoundKey
from lapinq_core.runtime.loops import Loop

FRESH_SECONDS = 5.0
MAX_REMEMBERED = 1000
MAX_PENDING = 1000
NOTE_INTERVAL_SECONDS = 60.0
"""How often the last use of a key is written."""
_WRITE_INTERVAL_SECONDS = 5.0
_CLOSE_SECONDS = 2.0

log = logging.getLogger(__name__)

Pending = dict[bytes, "asyncio.Future[FoundKey | Exception | None]"]


class KeyCache:
    """The API keys that one process has seen. Used by one event loop, while `group` lasts."""

    def __init__(
        self, database: Database, group: asyncio.TaskGroup, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._group = group
        self._clock = clock
        self._known = _Memory()
        self._unknown = _Memory()  # separate, so that made-up keys evict no real ones
        self._pending: Pending = {}
        self._in_flight: Pending = {}
        self._is_asking = False
        self._uses = _Uses()

    async def find(self, key: bytes) -> Actor | None:
        """The owner of `key`; None if the key is unknown.

        Raises `DatabaseUnavailable` and `Overloaded` if it cannot be determined.
        """
        if not looks_like_key(key):
            return None
        digest = digest_of(key)
        now = self._clock()
        cached = self._known.get(digest, now) or self._unknown.get(digest, now)
        if cached is not None:
            actor = cached.actor
        else:
            found = await self._find_uncached(digest)
            actor = None if found is None else found.actor
        if actor is not None and actor.id is not None:
            self._uses.add(actor.id, now)
        return actor

    def on_notify(self, payload: str) -> None:
        """A message on `ACCESS_CHANNEL`: a key was deleted, or a user changed, whose keys go with them.

        An empty payload (some may be lost) changes nothing.
        """
        if payload.startswith(("key ", "user ")):
            self._known.clear()
            self._in_flight = {}  # its answer may predate the deletion

    async def run(self, stop: asyncio.Event) -> None:
        """Writes when keys were used, until `stop` is set."""
        await Loop("uses of keys", self._turn, until=stop).run()

    async def note_due(self) -> None:
        """Writes uses that are due: the first use of a key immediately, then one a minute."""
        now = self._clock()
        await self._note(self._uses.due(now), now)

    async def close(self) -> None:
        """Writes the remaining uses, if that is quick."""
        with contextlib.suppress(TimeoutError, psycopg.Error):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._note(self._uses.all(), self._clock())

    async def _turn(self) -> float:
        await self.note_due()
        return _WRITE_INTERVAL_SECONDS

    async def _find_uncached(self, digest: bytes) -> FoundKey | None:
        answer = self._in_flight.get(digest) or self._pending.get(digest)
        if answer is None:
            self._database.check()
            if len(self._pending) >= MAX_PENDING:
                raise Overloaded
            answer = self._pending[digest] = asyncio.get_running_loop().create_future()
            if not self._is_asking:
                self._is_asking = True
                self._group.create_task(self._look_up())
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                found = await asyncio.shield(answer)  # others wait for it, too
        except TimeoutError as error:
            raise DatabaseUnavailable("no answer in time") from error
        if isinstance(found, Exception):
            # A new error for each: one raised many times would accumulate tracebacks.
            raise type(found)(*found.args) if isinstance(found, LapinqError) else found
        return found

    async def _look_up(self) -> None:
        CALLER.set(SERVER)  # not only for the one whose key came first
        try:
            while self._pending:
                asked = self._in_flight = self._pending
                self._pending = {}
                since = self._clock()
                found: Mapping[bytes, FoundKey] | Exception
                try:
                    found = await self._database.run(keys.find, list(asked))
                except Exception as error:  # noqa: BLE001  # passed to each request
                    found = error
                for digest, answer in asked.items():
                    key = found if isinstance(found, Exception) else found.get(digest)
                    if self._in_flight is asked and not isinstance(key, Exception):
                        self._remember(digest, key, since)
                    answer.set_result(key)
        finally:
            self._in_flight = {}
            self._is_asking = False

    def _remember(self, digest: bytes, key: FoundKey | None, since: float) -> None:
        if key is None:
            self._unknown.put(digest, _Found(None, since + FRESH_SECONDS))
            return
        left = FRESH_SECONDS if key.seconds_left is None else min(key.seconds_left, FRESH_SECONDS)
        self._known.put(digest, _Found(key.actor, since + left))

    async def _note(self, uses: dict[int, float], now: float) -> None:
        if not uses:
            return
        try:
            await self._database.run(keys.record_uses, {key_id: now - at for key_id, at in uses.items()})
        except DatabaseUnavailable as error:
            log.debug("could not record the use of keys: %s", error)
        else:
            self._uses.noted(uses, now)


class _Found(msgspec.Struct, frozen=True):
    """The actor of a key, None for an unknown key, and until when that is valid."""

    actor: Actor | None
    until: float


class _Memory:
    """Recent answers. When full, it drops the oldest."""

    def __init__(self) -> None:
        self._found: dict[bytes, _Found] = {}

    def get(self, digest: bytes, now: float) -> _Found | None:
        found = self._found.get(digest)
        return found if found is not None and now < found.until else None

    def put(self, digest: bytes, found: _Found) -> None:
        self._found.pop(digest, None)  # keeps the order by age
        while len(self._found) >= MAX_REMEMBERED:
            del self._found[next(iter(self._found))]
        self._found[digest] = found

    def clear(self) -> None:
        self._found.clear()


class _Uses:
    """When each key was last used, and when that was last written. Its size is bounded by the number of keys."""

    def __init__(self) -> None:
        self._last: dict[int, float] = {}
        self._noted: dict[int, float] = {}

    def add(self, key_id: int, now: float) -> None:
        self._last[key_id] = now

    def all(self) -> dict[int, float]:
        return dict(self._last)

    def due(self, now: float) -> dict[int, float]:
        self._noted = {key: at for key, at in self._noted.items() if now - at < NOTE_INTERVAL_SECONDS}
        return {key: at for key, at in self._last.items() if key not in self._noted}

    def noted(self, uses: Mapping[int, float], now: float) -> None:
        for key, at in uses.items():
            self._noted[key] = now
            if self._last.get(key) == at:
                del self._last[key]
