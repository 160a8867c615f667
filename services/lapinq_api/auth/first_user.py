"""Creates the first user, and warns while the default password is in use."""

import asyncio
import logging

from lapinq_api.state import State
from lapinq_core.domain.accounts.passwords import DEFAULT_PASSWORD, DEFAULT_USERNAME
from lapinq_core.domain.errors import LapinqError
from lapinq_core.people import users
from lapinq_core.runtime.loops import pause_for

FIRST_ATTEMPT_SECONDS = 5.0
PAUSE_SECONDS = 1.0

log = logging.getLogger(__name__)


class FirstUser:
    """Tries until it is certain that a user exists."""

    def __init__(self, state: State, schema_is_ready: asyncio.Event) -> None:
        self._state = state
        self._schema_is_ready = schema_is_ready
        self._done = asyncio.Event()

    async def first_attempt(self) -> None:
        """Waits up to `FIRST_ATTEMPT_SECONDS` until it is done."""
        await pause_for(FIRST_ATTEMPT_SECONDS, self._done)

    async def run(self, stop: asyncio.Event) -> None:
        while not (self._schema_is_ready.is_set() or stop.is_set()):
            await pause_for(3600.0, self._schema_is_ready, stop)
        said = ""
        while not stop.is_set():
            try:
                await self._ensure()
            except LapinqError as error:
                if str(error) != said and not stop.is_set():
                    log.warning("cannot check yet whether a user exists: %s", error)
                    said = str(error)
            except Exception:
                log.exception("cannot check whether a user exists")
            else:
                self._done.set()
                return
            await pause_for(PAUSE_SECONDS, stop)

    async def _ensure(self) -> None:
        state, settings = self._state, self._state.settings
        await state.passwords.prepare()
        if not await state.database.run(users.has_any):
            username = settings.admin_username or DEFAULT_USERNAME
            password = settings.admin_password or DEFAULT_PASSWORD
            made = await state.database.run(
                users.create_first,
                username,
                await state.passwords.hash(password),
                has_default_password=settings.admin_password is None,
            )
            if made:
                log.info("created the first user, %s", username)
        state.default_login = await state.default_password.fetch()
        if state.default_login is not None:
            log.warning(
                "the user %s still has the default password, %s; log in and change it",
                state.default_login,
                DEFAULT_PASSWORD,
            )
