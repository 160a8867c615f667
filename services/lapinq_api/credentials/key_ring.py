"""Finding out whose a named key is, without asking the database at each request.

What was found is believed for 5 s. A deletion is announced (`lapinq_core.people.keys.ACCESS_CHANNEL`) and ends that at
once, in every server; where the announcement is lost it takes those 5 s. Keys that are not remembered are asked for
together, one statement at a time: what gathers while it is under way goes into the next. So strangers with made-up keys
take up one connection at most, and while the database is away whoever came a moment before goes on.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping

import msgspec
import psycopg

from lapinq_api.overload.database import BUDGET_SECONDS, Database
from lapinq_api.wire.errors import Overloaded
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.accounts.account import Actor
from lapinq_core.domain.accounts.api_key import digest_of, looks_like_key
from lapinq_core.domain.errors import LapinqError
from lapinq_core.people import keys
from lapinq_core.runtime.loops import run_every

FRESH_SECONDS = 5.0
MOST_REMEMBERED = 1000
MOST_ASKED = 1000
NOTE_INTERVAL_SECONDS = 60.0
"""Between two notes of the use of one key."""
_LOOK_INTERVAL_SECONDS = 5.0
_CLOSE_SECONDS = 2.0

log = logging.getLogger(__name__)

Asked = dict[bytes, "asyncio.Future[Actor | Exception | None]"]


class KeyRing:
    """The named keys as one process knows them, while `group` lives. Of one event loop."""

    def __init__(
        self, database: Database, group: asyncio.TaskGroup, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._group = group
        self._clock = clock
        self._known = _Memory()
        self._strangers = _Memory()  # apart, so that made-up keys drive no real one out
        self._asked: Asked = {}
        self._under_way: Asked = {}
        self._is_asking = False
        self._uses = _Uses()

    async def find(self, key: bytes) -> Actor | None:
        """Who sends `key`; None for a key that is unknown.

        Raises `DatabaseUnavailable` and `Overloaded` when it can't be found out.
        """
        if not looks_like_key(key):
            return None
        digest = digest_of(key)
        now = self._clock()
        found = self._known.get(digest, now) or self._strangers.get(digest, now) or await self._ask(digest)
        if found.actor is not None and found.actor.id is not None:
            self._uses.add(found.actor.id, now)
        return found.actor

    def heard(self, payload: str) -> None:
        """Something was said on `ACCESS_CHANNEL`: a key is gone. An empty payload says no more than what time does."""
        if payload.startswith("key "):
            self._known.clear()
            self._under_way = {}  # may come too late to have seen it

    async def run(self, stop: asyncio.Event) -> None:
        """Notes when keys were used, until `stop` is set."""
        await run_every("uses of keys", self.note_due, interval=_LOOK_INTERVAL_SECONDS, stop=stop)

    async def note_due(self) -> None:
        """Notes the uses that are due: the first one of a key at once, then one a minute."""
        now = self._clock()
        await self._note(self._uses.due(now), now)

    async def close(self) -> None:
        """Notes what is left to note, if that is quickly done."""
        with contextlib.suppress(TimeoutError, psycopg.Error):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._note(self._uses.all(), self._clock())

    async def _ask(self, digest: bytes) -> "_Found":
        answer = self._under_way.get(digest) or self._asked.get(digest)
        if answer is None:
            self._database.check()
            if len(self._asked) >= MOST_ASKED:
                raise Overloaded
            answer = self._asked[digest] = asyncio.get_running_loop().create_future()
            if not self._is_asking:
                self._is_asking = True
                self._group.create_task(self._ask_database())
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                found = await asyncio.shield(answer)  # others wait for it too
        except TimeoutError as error:
            raise DatabaseUnavailable("no answer in time") from error
        if isinstance(found, Exception):
            # An error of its own for each: one that is raised many times gathers all their tracebacks.
            raise type(found)(*found.args) if isinstance(found, LapinqError) else found
        return _Found(found, 0.0)

    async def _ask_database(self) -> None:
        try:
            while self._asked:
                asked = self._under_way = self._asked
                self._asked = {}
                since = self._clock()
                found: Mapping[bytes, Actor] | Exception
                try:
                    found = await self._database.run(keys.find, list(asked))
                except Exception as error:  # noqa: BLE001  # a loop's turn; each request gets to know
                    found = error
                for digest, answer in asked.items():
                    actor = found if isinstance(found, Exception) else found.get(digest)
                    if self._under_way is asked and not isinstance(actor, Exception):
                        self._remember(digest, actor, since)
                    answer.set_result(actor)
        finally:
            self._under_way = {}
            self._is_asking = False

    def _remember(self, digest: bytes, actor: Actor | None, since: float) -> None:
        memory = self._strangers if actor is None else self._known
        memory.put(digest, _Found(actor, since))

    async def _note(self, uses: dict[int, float], now: float) -> None:
        if not uses:
            return
        try:
            await self._database.run(keys.note_uses, {key_id: now - at for key_id, at in uses.items()})
        except DatabaseUnavailable as error:
            log.debug("could not note the use of keys: %s", error)
        else:
            self._uses.noted(uses, now)


class _Found(msgspec.Struct, frozen=True):
    """Who sends a key, None for nobody, and when that was asked."""

    actor: Actor | None
    since: float


class _Memory:
    """What was found, while it is fresh; of too many the oldest are forgotten."""

    def __init__(self) -> None:
        self._found: dict[bytes, _Found] = {}

    def get(self, digest: bytes, now: float) -> _Found | None:
        found = self._found.get(digest)
        return found if found is not None and now - found.since < FRESH_SECONDS else None

    def put(self, digest: bytes, found: _Found) -> None:
        self._found.pop(digest, None)  # so that the order is that of their age
        while len(self._found) >= MOST_REMEMBERED:
            del self._found[next(iter(self._found))]
        self._found[digest] = found

    def clear(self) -> None:
        self._found.clear()


class _Uses:
    """When keys were last used, by their ids, and when that was last noted; as many as there are keys."""

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
