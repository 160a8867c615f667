"""Who can get in, and do what: the default password, an open API, secrets, what tasks may call."""

import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.doctor.finding import Finding, error, info, ok, warning
from lapinq_core.doctor.wording import names
from lapinq_core.domain.hosts.exposure import OpenTo
from lapinq_core.domain.hosts.host_names import is_loopback
from lapinq_core.runtime.settings import Settings

sql = sql_of(__name__)

MIN_KEY = 20
"""Characters of the API key in the settings. A shorter one can be guessed."""


async def check_default_password(conn: psycopg.AsyncConnection, settings: Settings) -> list[Finding]:
    users = [name for (name,) in await all_rows(conn, sql("default_passwords"))]
    if not users:
        return ok("no user has the default password")
    del settings
    return [
        warning(
            f"the default password, which works on the machine of the server only, is still in use, by {names(users)}",
            f"Log in there and change it, or run lapinq user password {users[0]}.",
        )
    ]


def check_open_api(settings: Settings) -> list[Finding]:
    if settings.open_to is OpenTo.NOBODY:
        found: list[Finding] = []
        if settings.api_key is not None and len(settings.api_key) < MIN_KEY:
            found.append(
                warning(
                    f"LAPINQ_API_KEY has fewer than {MIN_KEY} characters, and guessing it gives full access",
                    "Use a long one: openssl rand -hex 32.",
                )
            )
        return found or ok("the API wants a key or a session")
    found = [
        error(
            "LAPINQ_OPEN_API opens the API to everyone who reaches the server, and enqueueing runs code on the workers",
            "Set LAPINQ_API_KEY, or LAPINQ_REQUIRE_AUTH=true with named keys.",
        )
        if settings.open_to is OpenTo.EVERYONE
        else info(
            "without LAPINQ_API_KEY the API answers everyone on this machine, and nobody else",
            "Set LAPINQ_API_KEY if others use this machine, or should reach the API from elsewhere.",
        )
    ]
    if settings.redact:
        found.append(
            warning(
                "LAPINQ_REDACT hides nothing from callers who do not log in, because the API is open",
                "Set LAPINQ_API_KEY or LAPINQ_REQUIRE_AUTH.",
            )
        )
    return found


def check_session_secret(settings: Settings) -> list[Finding]:
    if settings.session_secret is not None:
        return ok("LAPINQ_SESSION_SECRET is set")
    is_for_others = not is_loopback(settings.host) or bool(settings.trusted_proxies)
    made = warning if is_for_others else info
    return [
        made(
            "LAPINQ_SESSION_SECRET is not set: everybody is logged out at each restart, and sessions work on one server"
            " only",
            "Set it to the same secret on all servers: openssl rand -hex 32.",
        )
    ]


async def check_who_decides(conn: psycopg.AsyncConnection, settings: Settings) -> list[Finding]:
    del settings
    users = [name for (name,) in await all_rows(conn, sql("who_decides_by_enqueue"))]
    if not users:
        return ok("who answers what tasks ask has the permission decide")
    return [
        warning(
            f"{names(users)} may answer what tasks ask only because enqueue includes that until the next release",
            "Give decide to those who are to answer, by lapinq user permit or on the page Users.",
        )
    ]


async def check_allowed_modules(conn: psycopg.AsyncConnection, settings: Settings) -> list[Finding]:
    if settings.allowed_modules:
        return ok(f"tasks may come from {names(settings.allowed_modules)} only")
    remedy = "Set it on servers and workers, such as LAPINQ_ALLOWED_MODULES=shop,shop.*."
    limited = [name for (name,) in await all_rows(conn, sql("limited_callers"))]
    if limited:
        return [
            error(
                f"{names(limited)} may do some things only, and yet run any function that a worker can import,"
                " os.system too: LAPINQ_ALLOWED_MODULES is not set here",
                remedy,
            )
        ]
    return [
        info(
            "LAPINQ_ALLOWED_MODULES is not set here: who may enqueue can call any function that a worker can import",
            remedy,
        )
    ]
