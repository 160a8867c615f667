"""Prepares the database's schema while the application already runs."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from lapinq_core.db.migrate import SchemaError
from lapinq_core.db.startup import prepare_schema
from lapinq_core.domain.errors import LapinqError
from lapinq_core.runtime.loops import pause_for
from lapinq_core.runtime.settings import Settings

FIRST_ATTEMPT_SECONDS = 15.0
INITIAL_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 2.0

log = logging.getLogger(__name__)


class SchemaPreparation:
    """Tries until the schema is ready, then calls `on_ready`.

    Until then, the log says what is missing; `on_wrong_schema` is called if the database is up but its schema is wrong.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        migrates: bool,
        on_ready: Callable[[], None] = lambda: None,
        on_wrong_schema: Callable[[SchemaError], None] = lambda _: None,
    ) -> None:
        assert settings.database_url is not None, "the caller resolves the database"
        self._on_ready = on_ready
        self._on_wrong_schema = on_wrong_schema
        self._prepare = partial(
            prepare_schema,
            settings.database_url,
            migrates=migrates,
            direct_url=settings.listen_database_url,
        )
        self._attempted = asyncio.Event()
        self.ready = asyncio.Event()

    async def first_attempt(self) -> bool:
        """Waits up to `FIRST_ATTEMPT_SECONDS` for the first attempt. Returns whether the schema is ready."""
        await pause_for(FIRST_ATTEMPT_SECONDS, self._attempted)
        return self.ready.is_set()

    async def run(self, stop: asyncio.Event) -> None:
        pause, said = INITIAL_PAUSE_SECONDS, ""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self._prepare)
            except LapinqError as error:
                if isinstance(error, SchemaError):
                    self._on_wrong_schema(error)
                if str(error) != said:
                    log.warning("waiting until the database is usable: %s", error)
                    said = str(error)
            except Exception:
                log.exception("waiting until the database is usable")
            else:
                self._on_ready()
                self.ready.set()
                return
            finally:
                self._attempted.set()
            await pause_for(pause, stop)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)
