"""Creates the first user, prints the link that sets the password, and tells at the start what accounts leave open: the
default password, and limited callers who may run any function."""

import asyncio
import logging

import psycopg

from lapinq_api.state import State
from lapinq_core.doctor.access import check_allowed_modules
from lapinq_core.doctor.finding import Severity
from lapinq_core.domain.accounts.passwords import DEFAULT_PASSWORD, DEFAULT_USERNAME
from lapinq_core.domain.errors import LapinqError
from lapinq_core.people import invitations, users
from lapinq_core.people.invitations import LASTS_SECONDS, Link, Purpose
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
        state = self._state
        await state.passwords.prepare()
        has_told = not await state.database.run(users.has_any) and await self._create()
        state.default_login = await state.default_password.fetch()
        if state.default_login is not None and not has_told:
            log.warning(
                "the user %s still has the default password, %s, which works on this machine only: log in and change"
                " it, or run lapinq user password %s",
                state.default_login,
                DEFAULT_PASSWORD,
                state.default_login,
            )
        for finding in await state.database.run(check_allowed_modules, state.settings):
            if finding.severity is Severity.ERROR:
                log.error("%s. %s", finding.message, finding.remedy)

    async def _create(self) -> bool:
        """Creates the first user, and logs a link that sets the password if the settings give none: returns whether."""
        settings = self._state.settings
        username = settings.admin_username or DEFAULT_USERNAME
        is_default = settings.admin_password is None
        password_hash = await self._state.passwords.hash(settings.admin_password or DEFAULT_PASSWORD)

        async def create(conn: psycopg.AsyncConnection) -> tuple[int | None, Link | None]:
            async with conn.transaction():
                user_id = await users.create_first(
                    conn, username, password_hash, has_default_password=is_default
                )
                if user_id is None or not is_default:
                    return user_id, None
                return user_id, await invitations.create(conn, user_id, Purpose.RESET, username)

        user_id, link = await self._state.database.run(create)
        if user_id is not None:
            log.info("created the first user, %s", username)
        if link is not None:
            log.warning(
                "the user %s has the default password, %s, which works on this machine only. To log in from elsewhere,"
                " set another one with this link, once, within %d hours: %s",
                username,
                DEFAULT_PASSWORD,
                LASTS_SECONDS // 3600,
                self._shown(link),
            )
        return link is not None

    def _shown(self, link: Link) -> str:
        """Under another server, whose address is unknown, only the path."""
        url = self._state.settings.public_url or self._state.url
        path = f"welcome?token={link.token}"
        return f"{path} (below the address of the dashboard)" if url is None else f"{url.rstrip('/')}/{path}"
