"""`lapinq-api`: the HTTP service without a worker or scheduler."""

import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable, Sequence

import click
import msgspec
from starlette.applications import Starlette

from lapinq_api.app import build_app
from lapinq_api.embedded.service_runner import EmbeddedService
from lapinq_api.serving.listening import listening, listening_together
from lapinq_api.serving.own_metrics import OwnMetrics
from lapinq_api.serving.server import serve
from lapinq_api.serving.share import OPTION, Share, read_share
from lapinq_api.serving.supervisor import supervise
from lapinq_api.state import State
from lapinq_core.command_line.commands import Command, version_flag
from lapinq_core.command_line.sections import section
from lapinq_core.db.startup import database, explained
from lapinq_core.domain.accounts.passwords import DEFAULT_PASSWORD
from lapinq_core.domain.hosts.host_names import is_loopback, local_address_of
from lapinq_core.domain.version import __version__
from lapinq_core.runtime import flags
from lapinq_core.runtime.logs import configure_logging
from lapinq_core.runtime.settings import Settings, load_settings
from lapinq_core.runtime.unknown_variables import warn_of_unknown_variables

log = logging.getLogger(__name__)

Services = Callable[[Settings, str], list[EmbeddedService]]

serving_flags = flags.group(
    section(
        "Listening",
        flags.option("host"),
        flags.option("port"),
        flags.option("api_processes", "--processes"),
        flags.option(
            "metrics_port",
            help="With several processes: port of the first one's metrics; the others use the next ports.",
        ),
        flags.option("metrics_host"),
        click.option(OPTION, hidden=True, help="What the parent gives to one of several processes."),
    ),
    section(
        "Access",
        flags.option(
            "api_key",
            help="Key that API requests must send. Other users of the machine can see a flag: prefer the variable.",
        ),
        flags.option("require_auth"),
        flags.option("allowed_hosts"),
        flags.option("read_only"),
        flags.option("session_secret"),
        flags.option("rate_limit"),
    ),
)


@click.command(cls=Command)
@serving_flags
@flags.database("PostgreSQL to use")
@flags.logging()
@version_flag("lapinq-api")
def api(share: str | None, **given: object) -> None:
    """Serve the API and the dashboard on a migrated database. Any number may run."""
    with explained():
        settings = load_settings(os.environ, **given)
        sys.exit(run(settings, lambda _, __: [], read_share(share), migrates=False))


def main() -> None:
    """The console script."""
    api()


def run(settings: Settings, services: Services, share: Share | None, *, migrates: bool) -> int:
    """Serves until it is stopped. Returns the exit code.

    `services` makes the embedded services from the settings with the database's URL filled in, and the server's URL.
    With `migrates` it also migrates a named database; it always migrates the embedded one. With several processes this
    one only starts them, unless it is one of them: then it has a `share`.
    """
    configure_logging(settings.log_level, as_json=settings.json_log)
    if share is not None:
        return _serve_together(settings, services, share, migrates=migrates)
    warn_of_unknown_variables(os.environ)
    if settings.api_processes > 1:
        return _start_several(settings)
    with listening(settings.host, settings.port) as sockets, database(settings) as url:
        found = msgspec.structs.replace(settings, database_url=url)
        app = build_app(
            found, services=services(found, _url(found, sockets)), url=_url(found, sockets), migrates=migrates
        )
        return serve(app, sockets, on_started=lambda: click.echo(_hello(app)))


def _start_several(settings: Settings) -> int:
    if settings.metrics_port is None:
        log.warning(
            "the metrics of the %d processes are not served: set --metrics-port", settings.api_processes
        )
    with (
        listening_together(settings.host, settings.port, settings.api_processes) as sockets,
        database(settings) as url,
    ):
        env: dict[str, str] = {}
        if settings.database_url is None:
            env["LAPINQ_DATABASE_URL"] = url
        if not settings.session_secret:
            env["LAPINQ_SESSION_SECRET"] = secrets.token_hex(32)
        return supervise(sockets, env, click.echo, has_random_secret=not settings.session_secret)


def _serve_together(settings: Settings, services: Services, share: Share, *, migrates: bool) -> int:
    share.end_with_parent()
    metrics, sockets = OwnMetrics(settings, share.number), share.opened()
    with database(settings) as url:
        found = msgspec.structs.replace(settings, database_url=url)
        app = build_app(
            found,
            services=[
                metrics.watching,
                *(services(found, _url(found, sockets)) if share.runs_services else ()),
            ],
            url=_url(found, sockets),
            migrates=migrates,
            shares_port=True,
            has_random_secret=share.has_random_secret,
        )
        with metrics.serving(app.state.shared):
            return serve(app, sockets, on_started=lambda: share.say_started(_hello(app)))


def _url(settings: Settings, sockets: Sequence[socket.socket]) -> str:
    host, port = local_address_of(settings.host), sockets[0].getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _hello(app: Starlette) -> str:
    state: State = app.state.shared
    return f"lapinq {__version__} · dashboard {state.url}/{_first_login(state)}"


def _first_login(state: State) -> str:
    """How to log in with the default password, while it is in use and the printed address is a local one."""
    if state.default_login is None or not is_loopback(local_address_of(state.settings.host)):
        return ""
    where = "" if is_loopback(state.settings.host) else "on this machine "
    return f" · {where}log in as {state.default_login} / {DEFAULT_PASSWORD}"


if __name__ == "__main__":
    main()
