"""`lapinq-api`: the HTTP service without a worker or scheduler."""

import os
import sys
from collections.abc import Callable

import click
import msgspec
from starlette.applications import Starlette

from lapinq_api.app import build_app
from lapinq_api.embedded.service_runner import EmbeddedService
from lapinq_api.serving.server import listening, serve
from lapinq_core.command_line.commands import Command, version_flag
from lapinq_core.command_line.sections import section
from lapinq_core.db.startup import database, explained
from lapinq_core.domain.accounts.passwords import DEFAULT_PASSWORD
from lapinq_core.domain.version import __version__
from lapinq_core.runtime import flags
from lapinq_core.runtime.logs import configure_logging
from lapinq_core.runtime.settings import Settings, load_settings
from lapinq_core.runtime.unknown_variables import warn_of_unknown_variables

Services = Callable[[Settings], list[EmbeddedService]]

serving_flags = flags.group(
    section(
        "Listening",
        flags.option("host", help="Address to listen on."),
        flags.option("port", help="Port to listen on; 0 picks a free port."),
    ),
    section(
        "Access",
        flags.option(
            "api_key",
            help="Key that API requests must carry. Others on the machine can see it on a command line.",
        ),
        flags.option(
            "require_auth", help="Refuse API requests without a key or session, even if no key is set."
        ),
        flags.option("allowed_hosts", help="Host name accepted in requests. Repeatable."),
        flags.option("read_only", help="Refuse every change except logging in and out."),
        flags.option("session_secret", help="Signs dashboard sessions; if empty, random at each start."),
        flags.option("rate_limit", help="Maximum API requests per minute from one address; 0 is no limit."),
    ),
)


@click.command(cls=Command)
@serving_flags
@flags.database("PostgreSQL to use")
@flags.logging()
@version_flag("lapinq-api")
def api(**given: object) -> None:
    """Serve the API and the dashboard on a migrated database. Any number may run."""
    with explained():
        sys.exit(run(load_settings(os.environ, **given), lambda _: [], migrates=False))


def main() -> None:
    """The console script."""
    api()


def run(settings: Settings, services: Services, *, migrates: bool) -> int:
    """Serves until it is stopped. Returns the exit code.

    `services` makes the embedded services from the settings with the database's URL filled in. With `migrates` it also
    migrates a named database; it always migrates the embedded one.
    """
    configure_logging(settings.log_level, as_json=settings.json_log)
    warn_of_unknown_variables(os.environ)
    with listening(settings.host, settings.port) as sockets, database(settings) as url:
        found = msgspec.structs.replace(settings, database_url=url)
        app = build_app(found, services=services(found), migrates=migrates)
        port: int = sockets[0].getsockname()[1]
        address = f"http://{_reachable(settings.host)}:{port}/"
        hello = f"lapinq {__version__} · dashboard {address}"
        return serve(app, sockets, on_started=lambda: click.echo(hello + _first_login(app)))


def _first_login(app: Starlette) -> str:
    """How to log in, while the default password is in use."""
    username: str | None = app.state.shared.default_login
    return "" if username is None else f" · log in as {username} / {DEFAULT_PASSWORD}"


def _reachable(host: str) -> str:
    """`host` as a browser on this machine reaches it."""
    if host in {"", "0.0.0.0", "::"}:  # noqa: S104  # compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    main()
